import { styleText } from 'node:util';
import prettyMilliseconds from 'pretty-ms';
import { etaSeconds, type Progress, type StageState, type StageStatus } from '../spec/index.ts';
import type { CampaignView } from './campaigns.ts';

/** A campaign as lines of text: one for itself, one a stage. Pure; colours only where stdout is a terminal. */

type Style = Parameters<typeof styleText>[0];
const LOOKS: Record<StageState, readonly [sign: string, style: Style]> = {
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

/** @param now - ms since the epoch, to tell how long a stage has been running */
export function campaignLines(view: CampaignView, now: number): string[] {
  const { status, failure, retrying } = view;
  const head = `${styleText('bold', view.id)}  ${status === null ? view.workflow.toLowerCase() : phaseOf(view)}`;
  const why = failure ? failure.split('\n').map((line) => styleText('red', `  ${line}`)) : [];
  if (retrying !== null) why.unshift(styleText('yellow', `  ${firstLine(retrying)}`));
  if (status === null) return [head, ...why];
  const width = Math.max(...status.stages.map(({ name }) => name.length));
  return [head, ...status.stages.map((stage) => stageLine(stage, width, now)), ...why];
}

/** The phase, corrected by the workflow's own end: a terminated workflow cannot say that it is. */
export function phaseOf({ workflow, status }: CampaignView): string {
  if (workflow === 'RUNNING') return status?.phase ?? 'running';
  return { COMPLETED: 'completed', CANCELLED: 'cancelled', FAILED: 'failed' }[workflow] ?? workflow.toLowerCase();
}

export function stageLine(stage: StageStatus, nameWidth: number, now: number): string {
  const [sign, style] = LOOKS[stage.state];
  const facts = [
    stage.state === 'running' && stage.progress ? progressText(stage.progress) : null,
    durationText(stage, now),
    stage.executions > 1 ? `execution ${stage.executions}` : null,
    stage.why && firstLine(stage.why),
    stage.lastFailure && stage.state !== 'completed'
      ? `${stage.lastFailure.class}: ${firstLine(stage.lastFailure.message)}`
      : null,
  ].filter((fact) => fact !== null);
  const state = styleText(style, `${sign} ${stage.state.padEnd(11)}`);
  return `  ${stage.name.padEnd(nameWidth)}  ${state}  ${facts.join('  ')}`.trimEnd();
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
const count = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 100 && !Number.isInteger(value) ? 1 : 0 });
