import { styleText } from 'node:util';
import prettyMilliseconds from 'pretty-ms';
import type { CampaignPlan, Qualification, StagePlan, TrainerPlan } from '../planner/index.ts';
import { Assumptions, type Complaint } from '../spec/index.ts';

/** A plan as lines of text. Pure; uses colours only when stdout is a terminal. */

/** What a live cluster offers each stage, by the stage's name. */
export type Qualifications = ReadonlyMap<string, Qualification>;

/** @param unsupported - what the programs of this version cannot run */
export function planLines(
  plan: CampaignPlan,
  unsupported: readonly Complaint[],
  cluster: Qualifications | null,
): string[] {
  const { campaign, model, parameters, assumptions, complaints, advice, stages } = plan;
  const size = parameters >= 1e9 ? `${(parameters / 1e9).toFixed(1)}B` : `${(parameters / 1e6).toFixed(1)}M`;
  const machines =
    plan.mostGpus === 0 ? 'without GPUs' : `on ${assumptions.gpu} in nodes of ${assumptions.gpusPerNode}`;
  return [
    `${styleText('bold', campaign)}  ${model}, ${size} parameters, ${machines}`,
    '',
    ...tableLines(['stage', 'pods', 'GPUs', 'nodes', 'wall time', 'GPU-hours', 'how'], stages.map(stageCells)),
    '',
    totalLine(plan),
    ...(complaints.length === 0 ? [] : ['', styleText('red', 'does not fit:')]),
    ...complaints.map(({ field, message }) => styleText('red', `  ${field}: ${message}`)),
    ...(unsupported.length === 0 ? [] : ['', styleText('red', CANNOT_RUN)]),
    ...unsupported.map(({ field, message }) => styleText('red', `  ${field}: ${message}`)),
    ...(advice.length === 0 ? [] : ['', styleText('yellow', 'fits, but:')]),
    ...advice.map(({ field, message }) => styleText('yellow', `  ${field}: ${message}`)),
    '',
    'assumptions (`plan` in the campaign file):',
    ...assumptionLines(assumptions, plan.mostGpus === 0),
    ...(cluster === null ? [] : ['', ...clusterLines(cluster)]),
  ];
}

const CANNOT_RUN = 'this campaign cannot run; the figures above are only a forecast:';

function stageCells(stage: StagePlan): string[] {
  const { name, pods, atOnce, gpus, nodes, wallSeconds, gpuHours } = stage;
  return [
    name,
    atOnce === pods ? String(pods) : `${pods}, ${atOnce} at once`,
    String(gpus),
    String(nodes),
    wallSeconds === null ? 'unknown' : duration(wallSeconds),
    gpuHours === null ? 'unknown' : hours(gpuHours),
    howText(stage),
  ];
}

/** How a stage uses its GPUs. */
function howText({ server, trainer }: StagePlan): string {
  if (server !== null) {
    const { tensorParallel, serversPerPod, contextTokens, sequences, memory } = server;
    return `${counted(serversPerPod, 'server')} a pod, tensor parallel ${tensorParallel}, context ${contextTokens}, ${sequences} sequences, ${gib(memory.neededGiB)} a GPU`;
  }
  return trainer === null ? '' : trainerText(trainer);
}

function trainerText({ gpus, microBatch, largestMicroBatch, fewestNodes, memory, rl }: TrainerPlan): string {
  const most = largestMicroBatch === null ? 'none fits' : `at most ${largestMicroBatch}`;
  const least = fewestNodes === null ? '' : `, ${counted(fewestNodes, 'node')} or more`;
  const train = `micro-batch ${microBatch} (${most}), ${gib(memory.neededGiB)} a GPU${least}`;
  if (rl === null) return train;
  const size = rl.server?.tensorParallel ?? null;
  const generate =
    size === null ? 'no server fits' : `${counted(rl.rolloutGpus / size, 'server')}, tensor parallel ${size}`;
  return `${gpus} train: ${train}; ${rl.rolloutGpus} generate: ${generate}`;
}

function totalLine({ wallSeconds, gpuHours, mostGpus }: CampaignPlan): string {
  if (mostGpus === 0) return styleText('bold', 'total: no GPUs; only the time of stages on GPUs can be forecast');
  const time = wallSeconds === null ? 'wall time unknown' : `${duration(wallSeconds)} if no stage waits for machines`;
  const cost = gpuHours === null ? 'GPU-hours unknown' : `${hours(gpuHours)} GPU-hours`;
  return styleText('bold', `total: ${time}, ${cost}, at most ${mostGpus} GPUs at a time`);
}

/** Assumptions that matter only to stages on GPUs. */
const ABOUT_GPUS: ReadonlySet<string> = new Set<keyof Assumptions>([
  'gpu',
  'gpusPerNode',
  'inferenceDtype',
  'trainingPrecision',
  'offload',
  'chunkedLoss',
  'rlPlacement',
  'trainingMfu',
  'generationMfu',
  'rolloutEfficiency',
  'sequencesPerServer',
]);

/**
 * Every assumption with its value and source. The source of a value from the campaign file is `set in the file`. A plan
 * without GPUs leaves out what was assumed of them.
 */
function assumptionLines(assumptions: Assumptions, withoutGpus: boolean): string[] {
  const defaults = Assumptions.parse({});
  return Object.entries(Assumptions.unwrap().shape).flatMap(([name, schema]) => {
    const value = assumptions[name as keyof Assumptions];
    if (value === undefined || (withoutGpus && ABOUT_GPUS.has(name))) return [];
    const source = value === defaults[name as keyof Assumptions] ? schema.meta()?.source : 'set in the file';
    return [styleText('dim', `  ${name} ${value}  (${source})`)];
  });
}

function clusterLines(cluster: Qualifications): string[] {
  // Stages with the same result share one entry.
  const groups = new Map<string, { names: string[]; found: Qualification }>();
  for (const [name, found] of cluster) {
    const key = JSON.stringify(found);
    const group = groups.get(key) ?? { names: [], found };
    group.names.push(name);
    groups.set(key, group);
  }
  return ['in the cluster, each stage by itself:', ...[...groups.values()].flatMap(qualificationLines)];
}

function qualificationLines({
  names,
  found,
}: {
  readonly names: readonly string[];
  readonly found: Qualification;
}): string[] {
  const { fits, podsNeeded, podsNow, podsEver, qualifying, refused } = found;
  const capacity = `${counted(podsNow, 'pod')} now, on ${counted(qualifying.length, 'node')}`;
  const later = podsEver === podsNow ? '' : `, ${podsEver} when other pods have ended`;
  return [
    `  ${styleText(COLOURS[fits], VERDICTS[fits])}  ${names.join(', ')}`,
    `      room for ${capacity}${later}; ${podsNeeded} needed to start`,
    ...refused.map(({ why, nodes }) => styleText('dim', `      ${nodesText(nodes)}: ${why}`)),
  ];
}

const COLOURS = { now: 'green', later: 'yellow', never: 'red' } as const;
const VERDICTS = { now: '✔ fits', later: '○ must wait', never: '✘ never fits' } as const;

/** The names of up to three nodes, and the number of nodes when there are more. */
function nodesText(nodes: readonly string[]): string {
  const shown = nodes.slice(0, 3).join(', ');
  return nodes.length <= 3 ? shown : `${nodes.length} nodes (${shown}, ...)`;
}

/** Each column is as wide as its widest cell. */
function tableLines(columns: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  return [styleText('dim', line(columns)), ...rows.map(line)];
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const gib = (value: number): string => `${value.toFixed(1)} GiB`;
const hours = (value: number): string => Math.round(value).toLocaleString('en');
/** Rounded to a minute; at least one minute. */
const duration = (seconds: number): string =>
  prettyMilliseconds(Math.max(1, Math.round(seconds / 60)) * 60_000, { unitCount: 2 });
