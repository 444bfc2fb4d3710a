import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { finishWith } from '../../config/exit.ts';
import type { CampaignStatus } from '../../spec/index.ts';
import { runningCampaign, updateCampaign, waitUntilEnded } from '../campaigns.ts';

/** `pause`, `resume`, `retry`, `approve` and `cancel`. Each command returns when its effect is complete. */
export function addControlCommands(program: Command): void {
  program
    .command('pause <id>')
    .description('save the work and free every machine; returns when no process of the campaign is left')
    .option('--json', 'answer as JSON')
    .action(finishWith((id: string, options: Answer) => update(id, 'pause', [], 'is paused', options)));
  program
    .command('resume <id>')
    .description('continue a paused campaign')
    .option('--json', 'answer as JSON')
    .action(finishWith((id: string, options: Answer) => update(id, 'resume', [], 'continues', options)));
  program
    .command('retry <id> <stage>')
    .description('start a held stage again with full retry budgets')
    .option('--json', 'answer as JSON')
    .action(
      finishWith((id: string, stage: string, options: Answer) =>
        update(id, 'retryStage', [{ stage }], `starts ${stage} again`, options),
      ),
    );
  program
    .command('approve <id> [arm]')
    .description('approve the RL stage of an arm; of every arm when none is named')
    .option('--json', 'answer as JSON')
    .action(
      finishWith((id: string, arm: string | undefined, options: Answer) =>
        update(
          id,
          'approve',
          [arm === undefined ? {} : { arm }],
          `has approval for RL of ${arm ?? 'every arm'}`,
          options,
        ),
      ),
    );
  program
    .command('cancel <id>')
    .description('end the campaign; returns when its machines are free')
    .action(finishWith(cancel));
}

interface Answer {
  readonly json?: true;
}

async function update(id: string, name: string, args: unknown[], done: string, { json }: Answer): Promise<ExitCode> {
  const status: CampaignStatus = await withClient((client) => updateCampaign(client, id, name, args));
  console.log(json ? JSON.stringify(status, null, 2) : `campaign ${id} ${done}`);
  return EXIT.ok;
}

async function cancel(id: string): Promise<ExitCode> {
  return withClient(async (client) => {
    const handle = await runningCampaign(client, id);
    await handle.cancel();
    console.error(`waiting until the stages of ${id} have ended and their machines are free`);
    await waitUntilEnded(client, handle);
    console.log(`campaign ${id} is cancelled`);
    return EXIT.ok;
  });
}
