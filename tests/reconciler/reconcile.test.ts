import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { reconciliationLines } from '../../cli/commands/gc.ts';
import { localMachine } from '../../local/index.ts';
import { describeSubject, reconcile, startReconciler, temporalOwners } from '../../reconciler/index.ts';
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

/** A machine with a running job, whose owner has claimed the stage. */
class Bench extends Machine {
  readonly stage = stageDir(this.store, aJob().key);

  readonly targets = {
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

  /** Creates a file that is two hours old, as if a killed process had left it. */
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
/** Pid of no process: it is above the largest pid of Linux. */
const DEAD = 4_194_304;

test('the reconciler leaves everything of an open owner alone, and ends everything of a closed one', async () => {
  await using here = new Bench();
  await here.submit(await startOwner());
  mkdirSync(join(here.stage, 'checkpoints/.attempt-0'), { recursive: true });
  expect((await reconcile(here.targets)).cleaned).toEqual([]);
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });

  await endOwner();
  const would = await reconcile(here.targets, { dryRun: true });
  expect(would.cleaned).toMatchObject([{ finding: { kind: 'orphaned-job' }, done: 'would be stopped', error: null }]);
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });

  // Stopping the job makes its claim stale, and that makes the scratch of its attempt garbage. One call cleans up all
  // three.
  const { cleaned, doubts } = await reconcile(here.targets);
  expect(cleaned.map(({ finding, done }) => `${finding.kind} ${done}`)).toEqual([
    'orphaned-job stopped',
    'stale-claim released',
    'scratch-folder removed',
  ]);
  expect(doubts).toEqual([]);
  expect(here.notes()).toContain('saved 0'); // by SIGTERM and its grace, not by SIGKILL
  expect(await here.alive()).toEqual([]);
  expect((await latestClaim(here.stage))?.released).toBeDefined();
  expect((await reconcile(here.targets)).cleaned).toEqual([]);
});

test('a new workflow with the same id does not own the jobs of the previous one', async () => {
  await using here = new Bench();
  await here.submit(await startOwner());
  await endOwner();
  await startOwner();
  const { cleaned } = await reconcile(here.targets);
  await endOwner();
  // The new workflow takes over the claim itself.
  expect(cleaned.map(({ finding }) => finding.kind)).toEqual(['orphaned-job']);
});

describe('the reconciler leaves an owner alone when its state is unknown', () => {
  test('because Temporal does not answer', async () => {
    await using here = new Bench();
    await here.submit('a run that never was');
    const silent = Connection.lazy({ address: '127.0.0.1:1' }); // nothing listens there
    const targets = {
      ...here.targets,
      owners: () => temporalOwners(new Client({ connection: silent }), here.store, 300),
    };
    const { cleaned, doubts } = await reconcile(targets);
    await silent.close();
    expect(cleaned).toEqual([]);
    expect(doubts).toEqual([expect.stringContaining('cannot identify the Temporal namespace')]);
    expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });
  });

  test('because this is another Temporal than that of the store, even if a workflow of this id has ended there', async () => {
    await using here = new Bench();
    const run = await startOwner('other/search');
    await endOwner('other/search');
    await here.submit(run, 'other/search');
    const other = { namespace: 'default', namespaceId: '00000000-0000-0000-0000-000000000000' };
    writeFileSync(join(here.store, 'temporal.json'), JSON.stringify(other));
    const { cleaned, doubts } = await reconcile(here.targets);
    expect(cleaned).toEqual([]);
    expect(doubts).toEqual([expect.stringContaining('run in another Temporal')]);

    rmSync(join(here.store, 'temporal.json'));
    expect((await reconcile(here.targets)).cleaned).not.toEqual([]);
  });
});

test('several workers can clean up the same garbage at once without errors', async () => {
  await using here = new Bench();
  await here.submit('a run that never was', 'never/search');
  const files = Array.from({ length: 20 }, (_, n) => here.leave(`campaigns/x/.spec.json.${DEAD}-000000${10 + n}.tmp`));
  const rounds = await Promise.all([1, 2, 3].map(() => reconcile(here.targets)));
  expect(rounds.flatMap(({ cleaned }) => cleaned.flatMap(({ error }) => error ?? []))).toEqual([]);
  expect(files.filter((file) => existsSync(file))).toEqual([]);
  expect(await here.alive()).toEqual([]);
  expect((await latestClaim(here.stage))?.released).toBeDefined();
});

test('only processes of jobs without a record are killed', async () => {
  await using here = new Bench();
  await here.submit(await startOwner());
  await here.executor.submit(aJob({ name: 'lost', main: doing('stay') }));
  await eventually(() => here.notes().length === 2, 'both at work');
  expect((await here.alive()).length).toBe(4);
  rmSync(join(here.home, 'jobs', 'lost'), { recursive: true });
  const { cleaned } = await reconcile(here.targets);
  await endOwner();
  expect(cleaned.map(({ finding }) => finding.kind)).toEqual(['stray-process', 'stray-process']);
  await eventually(async () => (await here.alive()).length === 2, 'only those of the other job');
  expect(await here.executor.observe(aJob().name)).toMatchObject({ phase: 'running' });
});

test('orrery gc prints what it found, what it did, and why', async () => {
  await using here = new Bench();
  const file = here.leave(`campaigns/x/.spec.json.${DEAD}-00000000.tmp`);
  const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const env = { ...process.env, TEMPORAL_ADDRESS: temporal.address, ORRERY_STORE: here.store, ORRERY_HOME: here.home };
  const gc = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [main, 'gc', ...args], { env })).stdout;
  const output = (done: string) => `${done}: temporary file ${file}\n  because not written for 2 h\n`;
  expect(await gc('--dry-run')).toBe(output('would be removed'));
  expect(await gc()).toBe(output('removed'));
  expect(existsSync(file)).toBe(false);
});

test('orrery gc also prints what it could not clean up or determine', () => {
  const finding = { kind: 'stale-claim', dir: '/store/a', attempt: 3, owner: 'demo/sft', why: 'it is closed' } as const;
  expect(
    reconciliationLines({ cleaned: [{ finding, done: 'released', error: 'EROFS' }], doubts: ['who it is'] }),
  ).toEqual([
    'not released: stale claim /store/a, attempt 3',
    '  because it is closed',
    '  EROFS',
    'unknown: who it is',
  ]);
  expect(reconciliationLines({ cleaned: [], doubts: [] })).toEqual(['nothing to clean up']);
});

test('a worker cleans up when it starts, and then repeatedly until it ends', async () => {
  await using here = new Bench();
  const stop = new AbortController();
  const logged: string[] = [];
  const log = { info: (facts: object) => void logged.push(JSON.stringify(facts)), warn() {} };
  const first = here.leave(`campaigns/x/.spec.json.${DEAD}-00000000.tmp`);
  const ended = startReconciler({ ...here.targets, log, everyMs: 50, signal: stop.signal });
  await eventually(() => !existsSync(first), 'the first file is gone');
  const second = here.leave(`campaigns/x/.report.json.${DEAD}-00000000.tmp`);
  await eventually(() => !existsSync(second) && logged.length === 2, 'the second file is gone, and logged');
  stop.abort();
  await ended;
  expect(logged[0]).toContain('"why":"not written for 2 h"');
});

test('an unreadable store does not prevent other cleaning', async () => {
  await using here = new Bench();
  await here.submit('a run that never was', 'never/search');
  const store = join(here.folder, 'not-a-folder');
  writeFileSync(store, '');
  const { cleaned, doubts } = await reconcile({ ...here.targets, store });
  expect(cleaned.map(({ finding }) => describeSubject(finding))).toEqual([aJob().name]);
  expect(doubts).toEqual([expect.stringMatching(/^cannot scan the store/)]);
  expect(readdirSync(dirname(here.stage))).toHaveLength(1);
  expect(readFileSync(store, 'utf8')).toBe('');
});
