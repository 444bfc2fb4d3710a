import type { Command } from 'commander';
import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { finishWith } from '../../config/exit.ts';
import type { CampaignStatus } from '../../spec/index.ts';
import { reachCampaign, untilEnded, updateCampaign } from '../campaigns.ts';

/** `pause`, `resume`, `retry`, `approve` and `cancel`: each returns when it is done, not when it is asked. */
export function addSteerCommands(program: Command): void {
  program
    .command('pause <id>')
    .description('save and free every machine; returns when no process of the campaign is left')
    .option('--json', 'answer as JSON')
    .action(finishWith((id: string, options: Answer) => update(id, 'pause', [], 'is paused', options)));
  program
    .command('resume <id>')
    .description('go on where the pause stopped')
    .option('--json', 'answer as JSON')
    .action(finishWith((id: string, options: Answer) => update(id, 'resume', [], 'goes on', options)));
  program
    .command('retry <id> <stage>')
    .description('start a held stage again, with its budgets restored')
    .option('--json', 'answer as JSON')
    .action(
      finishWith((id: string, stage: string, options: Answer) =>
        update(id, 'retryStage', [{ stage }], `tries ${stage} again`, options),
      ),
    );
  program
    .command('approve <id> [arm]')
    .description('let the RL of an arm begin; of all arms when none is named')
    .option('--json', 'answer as JSON')
    .action(
      finishWith((id: string, arm: string | undefined, options: Answer) =>
        update(id, 'approve', [arm === undefined ? {} : { arm }], `may begin RL of ${arm ?? 'every arm'}`, options),
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
    const handle = await reachCampaign(client, id);
    await handle.cancel();
    console.error(`waiting until the stages of ${id} have ended and their machines are free`);
    await untilEnded(client, handle);
    console.log(`campaign ${id} is cancelled`);
    return EXIT.ok;
  });
}
