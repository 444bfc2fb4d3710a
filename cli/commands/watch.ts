import type { Client } from '@temporalio/client';
import type { ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { isRunning } from '../campaigns.ts';
import { untilInterrupted } from '../interrupt.ts';
import { exitCodeOf, watchCampaign } from '../watch.ts';
import { interrupted, stillRunningHint } from './interrupted.ts';

/** `watch`: a campaign until it ends. */
export const watch = (id: string): Promise<ExitCode> => withClient((client) => watchToTheEnd(client, id));

/**
 * Watches a campaign until it ends.
 * @returns 0 when the campaign is completed, else 1
 * @throws CommandError 130 on Ctrl-C, which stops only the watch
 */
export async function watchToTheEnd(client: Client, id: string): Promise<ExitCode> {
  const view = await untilInterrupted(
    (signal) => watchCampaign(client, id, signal),
    () => stillRunningHint(id),
  );
  if (view !== null && !isRunning(view)) return exitCodeOf(view);
  throw interrupted(id);
}
