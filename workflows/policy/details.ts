import {
  boundedText,
  type CampaignStatus,
  describeSearchMetrics,
  effectiveRatio,
  etaSeconds,
  type IgnoredMessages,
  type Incident,
  type Progress,
  type StageState,
  type StageStatus,
} from '../../spec/index.ts';

/** The campaign as Markdown, for the current details in the Temporal UI. */
export function campaignDetails(status: CampaignStatus): string {
  const header =
    '| stage | state | progress | ETA | attempts | GPU-hours | effective | last failure |\n|---|---|---|---|---|---|---|---|';
  const report = status.report === null ? [] : [`Report: \`${status.report}\``];
  const table = `${header}\n${status.stages.map(row).join('\n')}`;
  return [`**${status.name}**: ${status.phase}`, table, ...report, ...ignoredLines(status.ignored)].join('\n\n');
}

/** One stage as Markdown, for the current details of its own workflow. */
export function stageDetails(stage: StageStatus): string {
  const lines = [
    `**${stage.name}**: ${stage.state}${stage.why === null ? '' : `: ${stage.why}`}`,
    `executions ${stage.executions}, failures ${stage.failures}`,
    ...stage.incidents.map((incident) => `- ${incident.at}, attempt ${incident.attempt}: ${incidentText(incident)}`),
    ...(stage.result === null ? [] : [`result: \`${stage.result.key}\``]),
    ...ignoredLines(stage.ignored),
  ];
  return lines.join('\n\n');
}

/** States in which the last reported progress has no meaning any more. */
const DONE: ReadonlySet<StageState> = new Set(['completed', 'reused']);

/** In a code span: anyone can send a message, so its text must not become Markdown. */
const ignoredLines = (ignored: IgnoredMessages | undefined): string[] => {
  if (ignored === undefined) return [];
  const { times, last } = ignored;
  const text = `${last.message}: ${last.why}`.replaceAll('`', "'");
  return [`ignored messages: ${times}; the last at ${last.at}: \`${text}\``];
};

function row(stage: StageStatus): string {
  const cells = [
    stage.name,
    stage.why === null ? stage.state : `${stage.state}: ${stage.why}`,
    stage.progress === null || DONE.has(stage.state) ? '' : progressText(stage.progress),
    stage.progress === null || stage.state !== 'running' ? '' : durationText(etaSeconds(stage.progress)),
    stage.executions === 0 ? '' : String(stage.executions),
    stage.gpuHours === 0 ? '' : stage.gpuHours.toFixed(2),
    percentText(effectiveRatio(stage.account)),
    stage.incidents.length === 0 ? '' : incidentText(stage.incidents.at(-1) as Incident),
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function incidentText({ class: name, message, followed, costSeconds }: Incident): string {
  const cost = costSeconds === 0 ? '' : `; cost ${durationText(costSeconds)}`;
  return `${name}: ${message}; ${followed}${cost}`;
}

const percentText = (share: number | null): string => (share === null ? '' : `${(100 * share).toFixed(1)} %`);

// A bar or a line break would end the cell.
const cell = (text: string): string => boundedText(text, CELL_LENGTH).replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

/** Longest text of a cell, in UTF-16 code units. The table has a row for every stage. *Ours*. */
const CELL_LENGTH = 500;

function progressText(progress: Progress): string {
  const { done, total, unit } = progress;
  const share = total === null ? '' : ` (${Math.floor((100 * done) / Math.max(1, total))} %)`;
  return [`${done}${total === null ? '' : `/${total}`} ${unit}${share}`, ...describeSearchMetrics(progress)].join(', ');
}

function durationText(seconds: number | null): string {
  if (seconds === null) return '';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
