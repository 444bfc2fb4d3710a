import type { Client } from '@temporalio/client';
import logUpdate from 'log-update';
import { CommandError, EXIT } from '../config/command-errors.ts';
import { type CampaignView, isRunning, viewCampaign } from './campaigns.ts';
import { orAborted, sleepOrAborted } from './interrupt.ts';
import { campaignLines, phaseOf, stageLine } from './view.ts';

/**
 * Shows a campaign until it has ended: a table that redraws itself on a terminal with a size, else one line per change.
 */

const REDRAW_MS = 1_000;
/** Without a terminal, the line of a running stage is printed again after this time. */
const REPEAT_MS = 30_000;
/** The watch gives up when no worker answers for this long. A worker that restarts takes less. */
const NO_ANSWER_TIMEOUT_MS = 60_000;

/**
 * @param signal - ends the watch at once; the campaign continues
 * @param isOver - also ends the watch, before the campaign has ended
 * @returns the last view of the campaign; null when the watch ended before the campaign answered
 */
export async function watchCampaign(
  client: Client,
  id: string,
  signal: AbortSignal,
  isOver: (view: CampaignView) => boolean = () => false,
): Promise<CampaignView | null> {
  const show = canRedraw(process.stdout) ? redrawingTable() : printingLines();
  let view: CampaignView | null = null;
  let answeredAt = performance.now();
  try {
    while (!signal.aborted) {
      try {
        view = (await orAborted(viewCampaign(client, id), signal)) ?? view;
        answeredAt = performance.now();
        if (view !== null) show.view(view, Date.now());
      } catch (error) {
        const isTransient = error instanceof CommandError && error.exitCode === EXIT.unavailable;
        if (!isTransient || performance.now() - answeredAt > NO_ANSWER_TIMEOUT_MS) throw error;
      }
      if (view !== null && (!isRunning(view) || isOver(view))) break;
      await sleepOrAborted(REDRAW_MS, signal);
    }
    return view;
  } finally {
    show.done();
  }
}

/** 0 when the campaign is completed, else 1. */
export const exitCodeOf = (view: CampaignView): 0 | 1 => (phaseOf(view) === 'completed' ? EXIT.ok : EXIT.failed);

/** log-update prints nothing on a terminal without a size (a serial line, `script` in a pipe, some CI). */
const canRedraw = ({ isTTY, columns, rows }: NodeJS.WriteStream): boolean => isTTY && columns > 0 && rows > 0;

function redrawingTable() {
  return {
    view: (view: CampaignView, now: number) => logUpdate(campaignLines(view, now).join('\n')),
    done: () => logUpdate.done(),
  };
}

function printingLines() {
  const printed = new Map<string, { state: string; at: number }>();
  return {
    view(view: CampaignView, now: number) {
      for (const stage of view.status?.stages ?? []) {
        const last = printed.get(stage.name);
        const hasChanged = last?.state !== stage.state && stage.state !== 'pending';
        const isDue = stage.state === 'running' && now - (last?.at ?? 0) >= REPEAT_MS;
        if (!hasChanged && !isDue) continue;
        printed.set(stage.name, { state: stage.state, at: now });
        console.log(stageLine(stage, 0, now).trimStart());
      }
      if (!isRunning(view)) console.log(campaignLines({ ...view, status: null }, now).join('\n'));
    },
    done: () => undefined,
  };
}
