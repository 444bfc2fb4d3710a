import { styleText } from 'node:util';
import prettyMilliseconds from 'pretty-ms';
import type { Progress } from '../spec/progress.ts';
import { accountAt } from '../spec/stage-account.ts';
import type { CampaignStatus, StageState, StageStatus } from '../spec/status.ts';
import { effectiveRatio, sumAccounts } from '../spec/sum-accounts.ts';
import { visibleText } from '../spec/text.ts';
import { TIME_KINDS } from '../spec/time-kinds.ts';
import { describeSearchMetrics, etaSeconds } from '../spec/total-progress.ts';
import type { CampaignView } from './campaigns.ts';

/**
 * A campaign as lines of text: one for the campaign, one per stage. Pure; uses colours only when stdout is a terminal.
 */

type Style = Parameters<typeof styleText>[0];
const STATE_STYLES: Record<StageState, readonly [sign: string, style: Style]> = {
  pending: ['·', 'dim'],
  blocked: ['○', 'yellow'],
  starting: ['◌', 'cyan'],
  running: ['●', 'cyan'],
  'backing-off': ['↻', 'yellow'],
  pausing: ['◍', 'yellow'],
  paused: ['‖', 'yellow'],
  held: ['!', 'red'],
  completed: ['✔', 'green'],
  reused: ['✔', 'green'],
  failed: ['✘', 'red'],
  cancelled: ['✘', 'dim'],
};
const BAR_CELLS = 20;

/** @param now - ms since the epoch, for the duration of running stages */
export function campaignLines(view: CampaignView, now: number): string[] {
  const { status, failure, retrying } = view;
  const head = `${styleText('bold', view.id)}  ${status === null ? view.workflow.toLowerCase() : phaseOf(view)}`;
  const why = failure ? failure.split('\n').map((line) => styleText('red', `  ${visibleText(line)}`)) : [];
  if (retrying !== null) why.unshift(styleText('yellow', `  ${visibleText(firstLine(retrying))}`));
  if (status === null) return [head, ...why];
  const width = Math.max(...status.stages.map(({ name }) => name.length));
  const account = accountLines(status, now).map((line) => styleText('dim', `  ${line}`));
  return [
    head,
    ...status.stages.map((stage) => stageLine(stage, width, now)),
    ...account,
    ...ignoredLines(status),
    ...why,
  ];
}

/** Signals and updates that the campaign ignored. The sender may not know that they had no effect. */
function ignoredLines({ ignored, stages }: CampaignStatus): string[] {
  const receivers = [
    { receiver: '', ignored },
    ...stages.map((stage) => ({ receiver: ` of ${stage.name}`, ignored: stage.ignored })),
  ];
  return receivers.flatMap(({ receiver, ignored: messages }) => {
    if (messages === undefined) return [];
    const { times, last } = messages;
    const line = `${times} message${times === 1 ? '' : 's'}${receiver} ignored, the last: ${last.message}: ${last.why}`;
    return [styleText('yellow', `  ${visibleText(line)}`)];
  });
}

/** The phase. The state of the workflow overrides it: a terminated workflow cannot report that it was terminated. */
export function phaseOf({ workflow, status }: CampaignView): string {
  if (workflow === 'RUNNING') return status?.phase ?? 'running';
  return { COMPLETED: 'completed', CANCELLED: 'cancelled', FAILED: 'failed' }[workflow] ?? workflow.toLowerCase();
}

export function stageLine(stage: StageStatus, nameWidth: number, now: number): string {
  const [sign, style] = STATE_STYLES[stage.state];
  const facts = [
    stage.state === 'running' && stage.progress ? progressText(stage.progress) : null,
    durationText(stage, now),
    stage.executions > 1 ? `execution ${stage.executions}` : null,
    stage.why && firstLine(stage.why),
    failureText(stage),
  ].filter((fact) => fact !== null);
  // Some of this text comes from programs and strangers. Control characters are shown, so they cannot steer the
  // terminal.
  const shown = facts.map(visibleText).join('  ');
  const state = styleText(style, `${sign} ${stage.state.padEnd(11)}`);
  return `  ${stage.name.padEnd(nameWidth)}  ${state}  ${shown}`.trimEnd();
}

/** The last failure and the reaction to it. For a completed stage: the number of failures and the time they cost. */
function failureText({ incidents, state, failures }: StageStatus): string | null {
  const last = incidents.at(-1);
  if (last === undefined) return null;
  if (state !== 'completed') return `${last.class}: ${firstLine(last.message)}; ${last.followed}`;
  const cost = incidents.reduce((sum, { costSeconds }) => sum + costSeconds, 0);
  return `${failures} failure${failures === 1 ? '' : 's'}, ${duration(cost)} lost`;
}

/** Where the time went so far: the effective ratio and the time lost by cause. @param now - ms since the epoch */
export function accountLines({ stages, gpuHours }: CampaignStatus, now: number): string[] {
  const account = sumAccounts(stages.map((stage) => accountAt(stage, now)));
  const ratio = effectiveRatio(account);
  if (ratio === null) return [];
  const spent = TIME_KINDS.filter((kind) => account.seconds[kind] >= 1);
  const causes = Object.entries(account.causes).toSorted(([, a], [, b]) => b.seconds - a.seconds);
  return [
    `effective ${(100 * ratio).toFixed(1)} %${gpuHours > 0 ? ` of the time, ${gpuHours.toFixed(2)} GPU-hours held` : ' of the time'}`,
    ...(spent.length > 0 ? [spent.map((kind) => `${kind} ${duration(account.seconds[kind])}`).join(', ')] : []),
    ...(causes.length > 0
      ? [
          `lost to ${causes.map(([cause, { times, seconds }]) => `${cause} ${duration(seconds)} (${times} x)`).join(', ')}`,
        ]
      : []),
  ];
}

/** `[████████············] 412/800 problems  34.1/s  0:11 to go`. */
export function progressText(progress: Progress): string {
  const { done, total, unit, rate } = progress;
  const share = total ? Math.min(1, done / total) : 0;
  const full = Math.round(share * BAR_CELLS);
  const eta = etaSeconds(progress);
  return [
    ...(total === null ? [] : [`[${'█'.repeat(full)}${'·'.repeat(BAR_CELLS - full)}]`]),
    `${count(done)}${total === null ? '' : `/${count(total)}`} ${unit}${(total ?? done) === 1 ? '' : 's'}`,
    ...(rate ? [`${count(rate)}/s`] : []),
    ...(eta === null || share === 1 ? [] : [`${duration(eta)} to go`]),
    ...describeSearchMetrics(progress),
  ].join('  ');
}

function durationText({ startedAt, finishedAt, state }: StageStatus, now: number): string | null {
  if (startedAt === null || state === 'reused') return null;
  const end = finishedAt === null ? now : Date.parse(finishedAt);
  return duration(Math.max(0, end - Date.parse(startedAt)) / 1000);
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
const duration = (seconds: number): string =>
  prettyMilliseconds(seconds * 1000, { colonNotation: true, secondsDecimalDigits: 0 });
/** `12,345`, or one decimal below 100. `toLocaleString` says the same, but loads its tables for 20 ms. */
const count = (value: number): string =>
  value < 100 ? String(Number(value.toFixed(1))) : value.toFixed(0).replaceAll(/\B(?=(\d{3})+$)/g, ',');
