import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { linesOf } from '../../cli/commands/gc.ts';
import { localMachine } from '../../local/index.ts';
import { reconcile, startReconciler, subjectOf, temporalOwners } from '../../reconciler/index.ts';
import { claimAfter, latestClaim, stageDir } from '../../store/index.ts';
import { aJob, doing, eventually, Machine } from '../local/support.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

// A real Temporal, real processes, a real store. No worker is needed: a workflow is open from its start on.
vi.setConfig({ testTimeout: 60_000 });
const OWNER = 'demo/search';

let temporal: TestTemporal;
let client: Client;
beforeAll(async () => {
  temporal = await startTemporal();
  client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
});
afterAll(async () => {
  await client?.connection.close();
  await temporal?.stop();
});

/** A machine with a job at work that was asked for by a workflow, which has claimed its stage. */
class Bench extends Machine {
  readonly stage = stageDir(this.store, aJob().key);

  readonly things = {
    store: this.store,
    executor: this.executor,
    owners: () => temporalOwners(client, this.store),
    machine: localMachine(this.home),
  };

  async submit(ownerRun: string, owner = OWNER): Promise<void> {
    mkdirSync(this.store, { recursive: true });
    await claimAfter(this.stage, null, owner, 'token');
    const [campaign = '', stage = ''] = owner.split('/');
    await this.executor.submit(aJob({ campaign, stage, ownerRun, main: doing('save') }));
    await this.untilNoted('begin 0');
  }

  /** Leaves a file that is two hours old, as a killed process does. */
  leave(path: string): string {
    mkdirSync(dirname(join(this.store, path)), { recursive: true });
    writeFileSync(join(this.store, path), 'x');
    const then = new Date(Date.now() - 7_200_000);
    utimesSync(join(this.store, path), then, then);
    return join(this.store, path);
  }
}

const startOwner = async (workflowId = OWNER): Promise<string> => {
  const workflow = client.workflow.start('stage', { taskQueue: 'nobody', workflowId, args: [] });
  return (await workflow).firstExecutionRunId;
};
const endOwner = (workflowId = OWNER) => client.workflow.getHandle(workflowId).terminate();
/** Of no process: above the largest number that Linux gives. */
const DEAD = 4_194_304;

test('nothing of an owner that is open is touched, and of one that has ended everything that ran for it ends', async () => {
  await using here = new Bench();
  await here.submit(await startOwner());
  mkdirSync(join(here.stage, 'checkpoints/.attempt-0'), { recursive: true });
  expect((await reconcile(here.things)).cleaned).toEqual([]);
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });

  await endOwner();
  const would = await reconcile(here.things, { dryRun: true });
  expect(would.cleaned).toMatchObject([{ finding: { kind: 'orphaned-job' }, done: 'would be stopped', error: null }]);
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });

  // Its end is what makes the claim stale, and that the scratch of its attempt garbage: one call sees to all.
  const { cleaned, doubts } = await reconcile(here.things);
  expect(cleaned.map(({ finding, done }) => `${finding.kind} ${done}`)).toEqual([
    'orphaned-job stopped',
    'stale-claim released',
    'scratch-folder removed',
  ]);
  expect(doubts).toEqual([]);
  expect(here.notes()).toContain('saved 0'); // by SIGTERM and its grace, not by SIGKILL
  expect(await here.alive()).toEqual([]);
  expect((await latestClaim(here.stage))?.released).toBeDefined();
  expect((await reconcile(here.things)).cleaned).toEqual([]);
});

test('a workflow of the same id that was started anew does not own the jobs of the one before', async () => {
  await using here = new Bench();
  await here.submit(await startOwner());
  await endOwner();
  await startOwner();
  const { cleaned } = await reconcile(here.things);
  await endOwner();
  // The claim is the new one's to take over: its workflow looks at it by itself.
  expect(cleaned.map(({ finding }) => finding.kind)).toEqual(['orphaned-job']);
});

describe('where it cannot be known whether an owner is open, nothing of it is touched', () => {
  test('because Temporal does not answer', async () => {
    await using here = new Bench();
    await here.submit('a run that never was');
    const silent = Connection.lazy({ address: '127.0.0.1:1' }); // nothing listens there
    const things = {
      ...here.things,
      owners: () => temporalOwners(new Client({ connection: silent }), here.store, 300),
    };
    const { cleaned, doubts } = await reconcile(things);
    await silent.close();
    expect(cleaned).toEqual([]);
    expect(doubts).toEqual([expect.stringContaining('Temporal does not say who it is')]);
    expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });
  });

  test('because it is another Temporal than that of the store, where a workflow of this id has even ended', async () => {
    await using here = new Bench();
    const run = await startOwner('other/search');
    await endOwner('other/search');
    await here.submit(run, 'other/search');
    const other = { namespace: 'default', namespaceId: '00000000-0000-0000-0000-000000000000' };
    writeFileSync(join(here.store, 'temporal.json'), JSON.stringify(other));
    const { cleaned, doubts } = await reconcile(here.things);
    expect(cleaned).toEqual([]);
    expect(doubts).toEqual([expect.stringContaining('run in another Temporal')]);

    rmSync(join(here.store, 'temporal.json'));
    expect((await reconcile(here.things)).cleaned).not.toEqual([]);
  });
});

test('several workers at once clean up the same things, and none stumbles over another', async () => {
  await using here = new Bench();
  await here.submit('a run that never was', 'never/search');
  const files = Array.from({ length: 20 }, (_, n) => here.leave(`campaigns/x/.spec.json.${DEAD}-000000${10 + n}.tmp`));
  const rounds = await Promise.all([1, 2, 3].map(() => reconcile(here.things)));
  expect(rounds.flatMap(({ cleaned }) => cleaned.flatMap(({ error }) => error ?? []))).toEqual([]);
  expect(files.filter((file) => existsSync(file))).toEqual([]);
  expect(await here.alive()).toEqual([]);
  expect((await latestClaim(here.stage))?.released).toBeDefined();
});

test('processes whose record was removed are killed, and those of jobs that stand are not', async () => {
  await using here = new Bench();
  await here.submit(await startOwner());
  await here.executor.submit(aJob({ name: 'lost', main: doing('stay') }));
  await eventually(() => here.notes().length === 2, 'both at work');
  expect((await here.alive()).length).toBe(4);
  rmSync(join(here.home, 'jobs', 'lost'), { recursive: true });
  const { cleaned } = await reconcile(here.things);
  await endOwner();
  expect(cleaned.map(({ finding }) => finding.kind)).toEqual(['stray-process', 'stray-process']);
  await eventually(async () => (await here.alive()).length === 2, 'only those of the other job');
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });
});

test('by hand it tells what it found, what it did, and why', async () => {
  await using here = new Bench();
  const file = here.leave(`campaigns/x/.spec.json.${DEAD}-00000000.tmp`);
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const env = { ...process.env, TEMPORAL_ADDRESS: temporal.address, ORRERY_STORE: here.store, ORRERY_HOME: here.home };
  const gc = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [main, 'gc', ...args], { env })).stdout;
  const told = (done: string) => `${done}: temporary file ${file}\n  because not written to for 2 h\n`;
  expect(await gc('--dry-run')).toBe(told('would be removed'));
  expect(await gc()).toBe(told('removed'));
  expect(existsSync(file)).toBe(false);
});

test('what could not be cleaned up, and what could not be known, is told too', () => {
  const finding = { kind: 'stale-claim', dir: '/store/a', attempt: 3, owner: 'demo/sft', why: 'it is closed' } as const;
  expect(linesOf({ cleaned: [{ finding, done: 'released', error: 'EROFS' }], doubts: ['who it is'] })).toEqual([
    'not released: stale claim /store/a, attempt 3',
    '  because it is closed',
    '  EROFS',
    'not known: who it is',
  ]);
  expect(linesOf({ cleaned: [], doubts: [] })).toEqual(['nothing to clean up']);
});

test('a worker cleans up when it starts, and again and again, until it ends', async () => {
  await using here = new Bench();
  const stop = new AbortController();
  const told: string[] = [];
  const log = { info: (facts: object) => void told.push(JSON.stringify(facts)), warn() {} };
  const first = here.leave(`campaigns/x/.spec.json.${DEAD}-00000000.tmp`);
  const ended = startReconciler({ ...here.things, log, everyMs: 50, signal: stop.signal });
  await eventually(() => !existsSync(first), 'the first file is gone');
  const second = here.leave(`campaigns/x/.report.json.${DEAD}-00000000.tmp`);
  await eventually(() => !existsSync(second) && told.length === 2, 'the second file is gone, and told of');
  stop.abort();
  await ended;
  expect(told[0]).toContain('"why":"not written to for 2 h"');
});

test('a store that is not there today hinders no other cleaning', async () => {
  await using here = new Bench();
  await here.submit('a run that never was', 'never/search');
  const store = join(here.folder, 'not-a-folder');
  writeFileSync(store, '');
  const { cleaned, doubts } = await reconcile({ ...here.things, store });
  expect(cleaned.map(({ finding }) => subjectOf(finding))).toEqual([aJob().name]);
  expect(doubts).toEqual([expect.stringMatching(/^the store cannot be looked through/)]);
  expect(readdirSync(dirname(here.stage))).toHaveLength(1);
  expect(readFileSync(store, 'utf8')).toBe('');
});
