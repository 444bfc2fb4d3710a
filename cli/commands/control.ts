import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import type { CampaignStatus } from '../../spec/index.ts';
import { runningCampaign, updateCampaign, waitUntilEnded } from '../campaigns.ts';

/** `pause`, `resume`, `retry`, `approve` and `cancel`. Each command returns when its effect is complete. */

interface Answer {
  readonly json?: true;
}

export const pause = (id: string, options: Answer) => update(id, 'pause', [], 'is paused', options);

export const resume = (id: string, options: Answer) => update(id, 'resume', [], 'continues', options);

export const retry = (id: string, stage: string, options: Answer) =>
  update(id, 'retryStage', [{ stage }], `starts ${stage} again`, options);

export const approve = (id: string, arm: string | undefined, options: Answer) =>
  update(id, 'approve', [arm === undefined ? {} : { arm }], `has approval for RL of ${arm ?? 'every arm'}`, options);

async function update(id: string, name: string, args: unknown[], done: string, { json }: Answer): Promise<ExitCode> {
  const status: CampaignStatus = await withClient((client) => updateCampaign(client, id, name, args));
  console.log(json ? JSON.stringify(status, null, 2) : `campaign ${id} ${done}`);
  return EXIT.ok;
}

export async function cancel(id: string): Promise<ExitCode> {
  return withClient(async (client) => {
    const handle = await runningCampaign(client, id);
    await handle.cancel();
    console.error(`waiting until the stages of ${id} have ended and their machines are free`);
    await waitUntilEnded(client, handle);
    console.log(`campaign ${id} is cancelled`);
    return EXIT.ok;
  });
}
