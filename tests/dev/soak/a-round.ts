import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type {
  CampaignEnd,
  FaultRecord,
  LeftBehind,
  LeftProcess,
  Round,
  Sighting,
  Sightings,
  StoreChange,
} from '../../../dev/soak/checker/evidence.ts';
import { digestOf } from '../../../dev/soak/checker/outputs.ts';
import { sha256OfValue } from '../../../dev/soak/checker/read.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Seconds after the start of the round, as a time. */
export const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

/** Keys of the two stages of the round: a trainer of two attempts, and a stage of two shards and one attempt. */
const identityOf = (kind: string) => ({ kind, config: {}, seed: 7 });
export const SFT = sha256OfValue(identityOf('sft'));
export const EVALUATE = sha256OfValue(identityOf('evaluate'));

/** What a test may plant a violation in, before it is written. */
export interface Plan {
  readonly round: Mutable<Round>;
  readonly faults: FaultRecord[];
  readonly sightings: { processes: Sighting[]; overlaps: Sightings['overlaps'][number][] };
  readonly changes: StoreChange[];
  readonly end: Mutable<CampaignEnd>;
  readonly status: Status;
  readonly left: Mutable<Omit<LeftBehind, 'afterCampaigns' | 'afterWorkers'>> & {
    afterCampaigns: LeftProcess[];
    afterWorkers: LeftProcess[];
  };
  /** Events of the history of every workflow. */
  readonly histories: Record<string, unknown[]>;
  /** Files of the store, by path: text as it is, anything else as JSON. */
  readonly files: Record<string, unknown>;
}
type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Status {
  campaignId: string;
  phase: string;
  report: string | null;
  stages: {
    name: string;
    kind: string;
    key: string;
    state: string;
    why: string | null;
    attempt: number;
    executions: number;
    incidents: { class: string; message: string; attempt: number; at: string }[];
    result: { key: string; digest: string } | null;
  }[];
}

/**
 * The evidence of a round without any violation: `sft` was killed once, at second 20, at step 5 of 12 with a checkpoint
 * every 3 steps, and its second attempt continued at step 3; `evaluate` was not disturbed.
 * @param plant - changes it before it is written
 * @returns folder of the evidence
 */
export async function aRound(plant: (plan: Plan) => void = () => {}): Promise<string> {
  const folder = await temporaryFolder();
  const store = join(folder, 'store');
  const policy = outputsOf(
    'sft',
    { 'data/policy/weights': 'weights', 'data/metrics.jsonl': '{}\n' },
    { optimizerSteps: 12 },
  );
  const [first, second] = [{ 'data/completions-00000.jsonl': 'one\n' }, { 'data/completions-00001.jsonl': 'two\n' }];
  const shards = [outputsOf('evaluate', first, { right: 1 }), outputsOf('evaluate', second, { right: 2 })];
  const both = outputsOf('evaluate', { ...first, ...second }, { right: 3 });
  const results = { sft: { key: SFT, digest: policy.digest }, evaluate: { key: EVALUATE, digest: both.digest } };
  const stage = (name: string, key: string, attempt: number) => ({
    name,
    kind: name,
    key,
    state: 'completed',
    why: null,
    attempt,
    executions: attempt + 1,
    incidents: [],
    result: name === 'sft' ? results.sft : results.evaluate,
  });
  const kill: FaultRecord = {
    id: 1,
    kind: 'main-kill',
    at: at(20),
    endedAt: at(20),
    target: 'main of sft',
    seen: 'got SIGKILL',
    hits: [{ key: SFT, attempt: 0, part: 0 }],
    explains: ['Crashed'],
    strikesAll: false,
    graceful: false,
    checkpointsDamaged: 0,
    swapped: null,
    wrong: null,
  };
  const plan: Plan = {
    round: { name: 'micro', campaigns: ['micro'], store, startedAt: at(0), endedAt: at(100), reference: results },
    faults: [kill],
    sightings: {
      processes: [
        aSighting({ key: SFT, attempt: 0, firstSeen: at(11), lastSeen: at(20) }),
        aSighting({ key: SFT, attempt: 1, firstSeen: at(23), lastSeen: at(40), pid: 101 }),
        aSighting({ key: EVALUATE, attempt: 0, firstSeen: at(46), lastSeen: at(60), pid: 102 }),
        aSighting({ key: EVALUATE, attempt: 0, part: 1, firstSeen: at(46), lastSeen: at(60), pid: 103 }),
      ],
      overlaps: [],
    },
    changes: [
      aChange(`stages/${SFT}/progress/00000.json`, 15, { attempt: 0, done: 5, from: 0 }),
      aChange(`stages/${SFT}/progress/00000.json`, 25, { attempt: 1, done: 3, from: 3 }, 2),
      aChange(`stages/${SFT}/parts/00000.json`, 40, { attempt: 1 }),
      aChange(`stages/${SFT}/manifest.json`, 41, { attempt: 1 }),
    ],
    end: {
      id: 'micro',
      workflow: 'COMPLETED',
      status: null,
      runs: [{ runId: 'r', status: 'COMPLETED', continuedFrom: null }],
    },
    status: {
      campaignId: 'micro',
      phase: 'completed',
      report: 'report.html',
      stages: [
        { ...stage('sft', SFT, 1), incidents: [{ class: 'Crashed', message: 'killed', attempt: 0, at: at(21) }] },
        stage('evaluate', EVALUATE, 0),
      ],
    },
    left: { afterCampaigns: [], afterWorkers: [], temporariesBefore: 0, reconciler: 'nothing to clean up' },
    histories: {
      micro: [{ eventId: '1', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED' }],
      'micro~sft': historyOf(SFT, 2),
      'micro~evaluate': historyOf(EVALUATE, 1),
    },
    files: {
      ...stageFiles('sft', SFT, [at(10), at(22)], policy, [
        { ...policy.part, part: 0, attempt: 1, finishedAt: at(39) },
      ]),
      [`stages/${SFT}/stage.json`]: { name: 'sft', kind: 'sft', key: SFT, config: { checkpoints: { everySteps: 3 } } },
      [`stages/${SFT}/checkpoints/step-00000003/complete.json`]: { step: 3, attempt: 0, savedAt: at(14) },
      ...stageFiles('evaluate', EVALUATE, [at(45)], both, [
        { ...shards[0]!.part, part: 0, attempt: 0, finishedAt: at(59) },
        { ...shards[1]!.part, part: 1, attempt: 0, finishedAt: at(60) },
      ]),
      [`stages/${EVALUATE}/stage.json`]: { name: 'evaluate', kind: 'evaluate', key: EVALUATE, config: {} },
      [`stages/${EVALUATE}/journal/00000-attempt-0.jsonl`]: journalLine({ id: 'problem-1' }),
    },
  };
  plant(plan);
  write(join(folder, 'round.json'), plan.round);
  write(join(folder, 'faults.jsonl'), lines(plan.faults));
  write(join(folder, 'sightings.json'), { looks: 1, longestGapMs: 200, ...plan.sightings } satisfies Sightings);
  write(join(folder, 'store-changes.jsonl'), lines(plan.changes));
  write(join(folder, 'campaigns/micro.json'), { ...plan.end, status: plan.status });
  write(join(folder, 'left.json'), plan.left);
  for (const [workflow, events] of Object.entries(plan.histories))
    write(join(folder, 'histories', workflow, 'r.json'), { events });
  for (const [path, content] of Object.entries(plan.files)) write(join(store, path), content);
  return folder;
}

export function aSighting(change: Partial<Sighting>): Sighting {
  return {
    pid: 100,
    start: '1',
    role: 'main',
    job: 'micro-job',
    campaign: 'micro',
    key: SFT,
    attempt: 0,
    part: 0,
    firstSeen: at(0),
    lastSeen: at(0),
    zombie: false,
    ...change,
  };
}

export const aChange = (path: string, second: number, content: unknown, inode = 1): StoreChange => ({
  seenAt: at(second),
  path,
  inode,
  mtimeMs: second,
  content,
});

export const journalLine = (entry: unknown): string => {
  const json = JSON.stringify(entry);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
};

/** Events of a stage that started so many attempts of a key. */
export function historyOf(key: string, attempts: number): unknown[] {
  const started = Array.from({ length: attempts }, (_, attempt) => [
    { eventId: `${attempt}-asked`, activityTaskScheduledEventAttributes: { activityType: { name: 'startAttempt' } } },
    {
      eventId: `${attempt}-done`,
      activityTaskCompletedEventAttributes: {
        scheduledEventId: `${attempt}-asked`,
        result: { payloads: [{ data: base64({ value: { kind: 'started', job: { key, attempt } } }) }] },
      },
    },
  ]);
  return [...started.flat(), { eventId: 'end', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED' }];
}

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

function outputsOf(kind: string, contents: Record<string, string>, counts: Record<string, number>) {
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    bytes: Buffer.byteLength(text),
    sha256: createHash('sha256').update(text).digest('hex'),
  }));
  return { contents, files, counts, part: { files, counts }, digest: digestOf({ kind, files, counts }) };
}

function stageFiles(
  kind: string,
  key: string,
  claimedAt: readonly string[],
  { contents, files, counts, digest }: ReturnType<typeof outputsOf>,
  parts: readonly { part: number; attempt: number; finishedAt: string }[],
): Record<string, unknown> {
  const attempt = claimedAt.length - 1;
  const manifest = { kind, key, digest, identity: identityOf(kind) };
  const named = (folder: string, index: number) => `stages/${key}/${folder}/${String(index).padStart(5, '0')}.json`;
  return Object.fromEntries([
    ...Object.entries(contents).map(([path, text]) => [`stages/${key}/${path}`, text]),
    ...claimedAt.map((time, index) => [
      named('claims', index),
      { attempt: index, owner: `micro/${kind}`, execution: `token-${index}`, claimedAt: time },
    ]),
    ...parts.map((part) => [named('parts', part.part), part]),
    [`stages/${key}/manifest.json`, sealed({ ...manifest, attempt, parts: parts.length, files, counts })],
  ]);
}

const sealed = (manifest: object) => ({ ...manifest, checksum: sha256OfValue(manifest) });

function write(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}

const lines = (values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');
