import type { Client } from '@temporalio/client';
import logUpdate from 'log-update';
import { CommandError, EXIT } from '../config/command-errors.ts';
import { type CampaignView, isRunning, viewCampaign } from './campaigns.ts';
import { orAborted, sleepOrAborted } from './interrupt.ts';
import { campaignLines, phaseOf, stageLine } from './view.ts';

/** Shows a campaign until it has ended: a table that redraws itself on a terminal that has a size, else a line for every change. */

const REDRAW_MS = 1_000;
/** Without a terminal, running stages are told again after so long. */
const RETELL_MS = 30_000;
/** How long a campaign may stay without an answer (a worker that restarts) before the watch gives up. */
const PATIENCE_MS = 60_000;

/**
 * @param signal - ends the watch at once; the campaign goes on
 * @param isOver - when to stop looking, beside the campaign's end
 * @returns the campaign as last seen; null when the watch was ended before the campaign answered
 */
export async function watchCampaign(
  client: Client,
  id: string,
  signal: AbortSignal,
  isOver: (view: CampaignView) => boolean = () => false,
): Promise<CampaignView | null> {
  const show = canRedraw(process.stdout) ? redrawing() : telling();
  let view: CampaignView | null = null;
  let answeredAt = performance.now();
  try {
    while (!signal.aborted) {
      try {
        view = (await orAborted(viewCampaign(client, id), signal)) ?? view;
        answeredAt = performance.now();
        if (view !== null) show.view(view, Date.now());
      } catch (error) {
        const mayPass = error instanceof CommandError && error.exitCode === EXIT.unavailable;
        if (!mayPass || performance.now() - answeredAt > PATIENCE_MS) throw error;
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

/** A terminal without a size (a serial line, `script` in a pipe, some CI) has no room for a table: nothing at all would be shown. */
const canRedraw = ({ isTTY, columns, rows }: NodeJS.WriteStream): boolean => isTTY && columns > 0 && rows > 0;

function redrawing() {
  return {
    view: (view: CampaignView, now: number) => logUpdate(campaignLines(view, now).join('\n')),
    done: () => logUpdate.done(),
  };
}

function telling() {
  const told = new Map<string, { state: string; at: number }>();
  return {
    view(view: CampaignView, now: number) {
      for (const stage of view.status?.stages ?? []) {
        const last = told.get(stage.name);
        const news = last?.state !== stage.state && stage.state !== 'pending';
        const due = stage.state === 'running' && now - (last?.at ?? 0) >= RETELL_MS;
        if (!news && !due) continue;
        told.set(stage.name, { state: stage.state, at: now });
        console.log(stageLine(stage, 0, now).trimStart());
      }
      if (!isRunning(view)) console.log(campaignLines({ ...view, status: null }, now).join('\n'));
    },
    done: () => undefined,
  };
}
