import { describe, expect, test } from 'vitest';
import type { JobSummary } from '../../executor/index.ts';
import {
  type Finding,
  findGarbage,
  idOf,
  type OwnerState,
  ownersToAsk,
  RECORD_AGE_MS,
  type Snapshot,
  TEMPORARY_AGE_MS,
} from '../../reconciler/garbage.ts';
import type { Claim, Scratch, StageScan } from '../../store/index.ts';

const NOW = Date.parse('2026-06-01T00:00:00.000Z');
const KEY = 'a'.repeat(64);

const aClaim = (changes: Partial<Claim> = {}): Claim => ({
  attempt: 2,
  owner: 'demo/search',
  execution: 'token',
  claimedAt: '2026-05-31T00:00:00.000Z',
  ...changes,
});
const released = { released: '2026-05-31T12:00:00.000Z' };
const aStage = (changes: Partial<StageScan> = {}): StageScan => ({
  dir: '/store/stages/a',
  key: KEY,
  isFinished: false,
  claim: aClaim(),
  scratch: [],
  ...changes,
});
const aJob = (changes: Partial<JobSummary> = {}): JobSummary => ({
  name: 'demo-search-2',
  campaign: 'demo',
  stage: 'search',
  key: KEY,
  attempt: 2,
  ownerRun: 'run-1',
  phase: 'running',
  submittedAt: '2026-05-31T00:00:00.000Z',
  ...changes,
});

interface Sight extends Partial<Omit<Snapshot, 'store'>> {
  readonly stages?: readonly StageScan[];
  readonly owners?: OwnerState;
  readonly running?: readonly number[];
}
/** The findings when every owner is in the same state. */
function findingsIn({ stages = [], owners = 'running', running = [], ...changes }: Sight): Finding[] {
  const store = { temporaries: [], stages };
  const snapshot: Snapshot = { store, temporaries: [], jobs: [], strays: [], now: NOW, ...changes };
  return findGarbage(snapshot, new Map(ownersToAsk(snapshot).map((owner) => [idOf(owner), owners])), (pid) =>
    running.includes(pid),
  );
}
const kindsIn = (sight: Sight): string[] => findingsIn(sight).map(({ kind }) => kind);

describe('a temporary file', () => {
  const aged = (ageMs: number) => [{ path: '/store/.x.7-00000000.tmp', ageMs, writer: 7 }];
  test('is garbage when it is older than any write can take', () => {
    expect(kindsIn({ temporaries: aged(TEMPORARY_AGE_MS + 1) })).toEqual(['temporary-file']);
    expect(kindsIn({ temporaries: aged(TEMPORARY_AGE_MS - 1) })).toEqual([]);
  });
  test('is described by its age, rounded to hours', () => {
    for (const ageMs of [7_199_999.999, 7_200_000, 7_200_001]) {
      expect(findingsIn({ temporaries: aged(ageMs) })).toMatchObject([{ why: 'not written for 2 h' }]);
    }
  });
  test('is not garbage while its writer may be alive: a laptop may have slept, or the clock may have been set', () => {
    expect(kindsIn({ temporaries: aged(100 * TEMPORARY_AGE_MS), running: [7] })).toEqual([]);
  });
});

describe('a scratch folder', () => {
  const scratch = (attempt: number | null, ageMs = 0): Scratch[] => [{ path: '/store/x', ageMs, attempt }];
  test.each<{ name: string; stage: Partial<StageScan>; garbage: boolean }>([
    { name: 'of an earlier attempt than the current one is garbage', stage: { scratch: scratch(1) }, garbage: true },
    { name: 'of the current attempt is not', stage: { scratch: scratch(2) }, garbage: false },
    {
      name: 'of the current attempt is, once it was released',
      stage: { scratch: scratch(2), claim: aClaim(released) },
      garbage: true,
    },
    {
      name: 'of an attempt that was claimed after the scan is not',
      stage: { scratch: scratch(3), claim: aClaim(released) },
      garbage: false,
    },
    { name: 'of a finished stage is garbage', stage: { scratch: scratch(2), isFinished: true }, garbage: true },
    {
      name: 'without an attempt in its name is not while an attempt runs',
      stage: { scratch: scratch(null, 2 * TEMPORARY_AGE_MS) },
      garbage: false,
    },
    {
      name: 'without an attempt in its name is when it is old and no attempt runs',
      stage: { scratch: scratch(null, 2 * TEMPORARY_AGE_MS), claim: aClaim(released) },
      garbage: true,
    },
  ])('$name', ({ stage, garbage }) => {
    expect(kindsIn({ stages: [aStage(stage)] })).toEqual(garbage ? ['scratch-folder'] : []);
  });
});

describe('a claim', () => {
  test.each<{ name: string; sight: Sight; stale: boolean }>([
    { name: 'of a closed owner without a job is stale', sight: { owners: 'closed' }, stale: true },
    { name: 'of a running or paused owner is not', sight: { owners: 'running' }, stale: false },
    { name: 'of an unknown owner is not', sight: { owners: 'unknown' }, stale: false },
    {
      name: 'that was released is not',
      sight: { stages: [aStage({ claim: aClaim(released) })], owners: 'closed' },
      stale: false,
    },
    {
      name: 'of a finished stage is not, because it blocks nobody',
      sight: { stages: [aStage({ isFinished: true })], owners: 'closed' },
      stale: false,
    },
    {
      name: 'with a running job is not, whoever owns the job',
      sight: { jobs: [aJob({ campaign: 'other' })], owners: 'closed' },
      stale: false,
    },
    {
      name: 'whose job has ended is stale',
      sight: { jobs: [aJob({ phase: 'failed' })], owners: 'closed' },
      stale: true,
    },
    { name: 'is not stale when jobs could not be listed', sight: { jobs: null, owners: 'closed' }, stale: false },
  ])('$name', ({ sight, stale }) => {
    expect(kindsIn({ stages: [aStage()], ...sight }).includes('stale-claim')).toBe(stale);
  });

  test('is checked by the id of its workflow, a job by its run, and each owner once', () => {
    const stages = [aStage(), aStage({ key: 'b' })];
    const snapshot: Snapshot = {
      store: { temporaries: [], stages },
      temporaries: [],
      jobs: [aJob()],
      strays: [],
      now: NOW,
    };
    expect(ownersToAsk(snapshot)).toEqual([
      { workflowId: 'demo/search', firstRun: null },
      { workflowId: 'demo/search', firstRun: 'run-1' },
    ]);
  });
});

describe('a job', () => {
  const old = new Date(NOW - RECORD_AGE_MS - 1).toISOString();
  test.each<{ name: string; job: Partial<JobSummary>; owner: OwnerState; want: string[] }>([
    { name: 'that runs for a closed owner is orphaned', job: {}, owner: 'closed', want: ['orphaned-job'] },
    {
      name: 'that waits for a closed owner is orphaned too',
      job: { phase: 'pending' },
      owner: 'closed',
      want: ['orphaned-job'],
    },
    { name: 'that runs for a running owner is not', job: {}, owner: 'running', want: [] },
    { name: 'that runs for an unknown owner is not', job: {}, owner: 'unknown', want: [] },
    {
      name: 'that ended long ago, as its owner did, has its record deleted',
      job: { phase: 'failed', submittedAt: old },
      owner: 'closed',
      want: ['old-record'],
    },
    { name: 'that has just ended keeps its record', job: { phase: 'failed' }, owner: 'closed', want: [] },
    {
      name: 'that ended long ago keeps its record while its owner runs',
      job: { phase: 'stopped', submittedAt: old },
      owner: 'running',
      want: [],
    },
    { name: 'that runs for a long time is not garbage', job: { submittedAt: old }, owner: 'running', want: [] },
  ])('$name', ({ job, owner, want }) => {
    expect(kindsIn({ jobs: [aJob(job)], owners: owner })).toEqual(want);
  });
});

test('every finding says why nobody needs it', () => {
  const strays = [{ pid: 3, start: 'x', job: 'demo-search-1', command: 'node stages/main.ts' }];
  const whys = findingsIn({ stages: [aStage()], jobs: [aJob({ attempt: 1 })], strays, owners: 'closed' }).map(
    ({ why }) => why,
  );
  expect(whys).toEqual([
    'demo/search is closed and has no running job',
    'its owner demo/search is closed',
    'its job demo-search-1 has no record',
  ]);
});
