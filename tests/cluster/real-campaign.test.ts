import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { inProject } from '../../config/paths.ts';
import { LABELS, MAIN } from '../../k8s/manifests/labels.ts';
import type { CampaignSpecInput, Manifest, Progress } from '../../spec/index.ts';
import { checkpointsDir, manifestPath, progressPath, stageDir } from '../../store/layout.ts';
import {
  isRunning,
  jobsOf,
  podsOf,
  startCampaign,
  statusOf,
  untilNothingIsLeft,
} from '../support/cluster/campaigns.ts';
import { eventually, followJobs } from '../support/cluster/job-story.ts';
import { mainPid } from '../support/cluster/pod-processes.ts';
import { type ClusterBench, openClusterBench } from '../support/cluster/workbench.ts';
import { stagesOfStore } from '../support/store-facts.ts';

/** A step of this model takes a tenth of a second on a calm machine, and the test needs time to kill it. */
const RL_STEPS = 60;
const RL_INTERVAL = 12;

/**
 * The campaign of the soak with one arm. SFT and RL have two ranks, which halve the micro-batches. RL has enough steps
 * to be killed in the middle.
 */
function microCampaign(): CampaignSpecInput {
  const spec = parse(readFileSync(inProject('dev/soak/micro.yaml'), 'utf8'));
  const stages: Record<string, { run: { shards?: number } }> = spec.stages;
  const run = ({ run: { shards } }: { run: { shards?: number } }, more = {}) => ({
    ...(shards === undefined ? {} : { shards }),
    // One thread on both executors, because threads change the order of sums. A policy server gets 4/5 of the memory.
    resources: { cpus: 0.2, memoryGiB: 3 },
    stallTimeoutSeconds: 300,
    graceSeconds: 20,
    ...more,
  });
  const small = Object.fromEntries(
    Object.entries(stages).map(([kind, stage]) => [kind, { ...stage, run: run(stage) }]),
  );
  return {
    ...spec,
    arms: [{ name: 'astro' }],
    stages: {
      ...small,
      sft: { ...small.sft, microBatchSize: 2, run: run(stages.sft as never, { ranks: 2 }) },
      rl: {
        ...small.rl,
        microBatchSize: 8,
        optimizerSteps: RL_STEPS,
        checkpoints: { everySteps: RL_INTERVAL, keep: { last: 3 } },
        run: run(stages.rl as never, { ranks: 2 }),
      },
    },
  };
}

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

/** Manifests of a store's stages by name. */
const manifestsOf = (store: string): Map<string, Manifest> =>
  new Map(stagesOfStore(store).map(({ name, dir }) => [name, read<Manifest>(manifestPath(dir))]));

/** Runs the campaign undisturbed, as processes of this machine. Returns its manifests. */
async function runLocally(bench: ClusterBench): Promise<Map<string, Manifest>> {
  const store = join(bench.namespace.folder, 'local-store');
  // A queue belongs to one store.
  const taskQueue = 'locally';
  await using _worker = await bench.startWorker({
    ORRERY_EXECUTOR: 'local',
    ORRERY_STORE: store,
    ORRERY_HOME: join(bench.namespace.folder, 'local-home'),
    ORRERY_TASK_QUEUE: taskQueue,
  });
  const handle = await startCampaign(bench, 'locally', microCampaign(), taskQueue);
  await handle.result();
  return manifestsOf(store);
}

/** Optimizer steps of the checkpoints that are complete. */
const completeSteps = (stage: string): number[] =>
  existsSync(checkpointsDir(stage))
    ? readdirSync(checkpointsDir(stage))
        .filter((name) => existsSync(join(checkpointsDir(stage), name, 'complete.json')))
        .map((name) => Number(name.split('-')[1]))
    : [];

/** Progress of RL when it was killed, in optimizer steps. */
interface Killed {
  readonly attempt: number;
  /** Step of its last complete checkpoint. */
  readonly saved: number;
  /** Step of its last progress report. */
  readonly done: number;
}

/**
 * Kills the trainer of rank 0 by SIGKILL from outside of its pod, one step or more after its first complete checkpoint.
 */
async function killMidRl({ namespace, store }: ClusterBench): Promise<Killed> {
  const ranks = async () => (await podsOf(namespace, 'astro.rl')).filter(isRunning);
  await eventually('both ranks of RL run', async () => (await ranks()).length === 2, 400_000);
  const rank0 = (await ranks()).find((pod) => indexOf(pod) === '0') as V1Pod;
  const pid = await mainPid(rank0);
  const dir = stagesOfStore(store).find(({ kind }) => kind === 'rl')?.dir;
  if (pid === null || dir === undefined) throw new Error('RL has no trainer');
  const farthest = (): Omit<Killed, 'attempt'> => ({
    saved: Math.max(0, ...completeSteps(dir)),
    done: existsSync(progressPath(dir, 0)) ? read<Progress>(progressPath(dir, 0)).done : 0,
  });
  const deadline = Date.now() + 200_000;
  for (let { saved, done } = farthest(); saved === 0 || done <= saved; { saved, done } = farthest()) {
    if (done === RL_STEPS || Date.now() > deadline) throw new Error(`RL is at step ${done} and was not killed`);
    await sleep(20);
  }
  process.kill(pid, 'SIGKILL');
  await eventually('the trainer is dead', async () => (await mainPid(rank0)) === null, 10_000);
  return { attempt: Number(rank0.metadata?.labels?.[LABELS.attempt]), ...farthest() };
}

const indexOf = (pod: V1Pod): string | undefined => pod.metadata?.labels?.['batch.kubernetes.io/job-completion-index'];

/** Start and end of the main program of a pod, in ms since the epoch. */
function mainRan(pod: V1Pod): { from: number; to: number } {
  const ended = pod.status?.containerStatuses?.find(({ name }) => name === MAIN)?.state?.terminated;
  const at = (time: Date | undefined) => new Date(time ?? Number.NaN).getTime(); // a watch gives text
  return { from: at(ended?.startedAt), to: at(ended?.finishedAt) };
}

test('a real campaign in real pods, with its RL trainer killed, gives the same results as the local executor with the same file and seed', {
  timeout: 1_500_000,
}, async () => {
  await using bench = await openClusterBench('real');
  const { namespace, store } = bench;
  const local = await runLocally(bench);

  await bench.startWorker();
  // Kubernetes deletes a rank that has not ended yet when rank 0 succeeds.
  const follower = await followJobs(namespace);
  onTestFinished(follower.stop);
  const handle = await startCampaign(bench, 'in-pods', microCampaign());
  const [killed] = await Promise.all([killMidRl(bench), handle.result()]);
  const { phase, stages } = await statusOf(handle);
  expect(phase).toBe('completed');

  // RL continued from the last complete checkpoint, so at most one interval was repeated.
  const rl = stagesOfStore(store).find(({ kind }) => kind === 'rl')?.dir ?? '';
  expect(killed.attempt).toBe(0);
  expect(killed.done).toBeLessThan(RL_STEPS);
  expect(killed.done - killed.saved).toBeLessThanOrEqual(RL_INTERVAL);
  expect(read(join(checkpointsDir(rl), 'attempt-00001.json'))).toMatchObject({ step: killed.saved, passedOver: [] });
  expect(read<Progress>(progressPath(rl, 0))).toMatchObject({ from: killed.saved, done: RL_STEPS });
  // The SIGKILL did not come from the kernel (out of memory), so it is a crash: of the killed pod, not of the pod that
  // waited for it.
  expect(stages.find(({ name }) => name === 'astro/rl')).toMatchObject({
    executions: 2,
    incidents: [{ class: 'Crashed', exitCode: 137, part: 0, message: expect.stringMatching(/killed by SIGKILL/) }],
  });
  expect(stages.filter(({ executions, name }) => executions > 1 && name !== 'astro/rl')).toEqual([]);

  // The pods show parallel shards, gangs of two, and policy servers as sidecars.
  const pods = [...follower.pods.values()];
  const podsOfStage = (name: string) => pods.filter(({ metadata }) => metadata?.labels?.[LABELS.stage] === name);
  const [one, other] = podsOfStage('search').map(mainRan);
  expect(Math.min(one?.to ?? 0, other?.to ?? 0)).toBeGreaterThan(Math.max(one?.from ?? 0, other?.from ?? 0));
  expect(podsOfStage('astro.sft').map(indexOf).toSorted()).toEqual(['0', '1']);
  const secondRl = podsOfStage('astro.rl').filter(({ metadata }) => metadata?.labels?.[LABELS.attempt] === '1');
  expect(secondRl.map(indexOf).toSorted()).toEqual(['0', '1']);
  const served = pods.filter(({ spec }) =>
    spec?.initContainers?.some(({ restartPolicy }) => restartPolicy === 'Always'),
  );
  expect(new Set(served.map(({ metadata }) => metadata?.labels?.[LABELS.kind]))).toEqual(
    new Set(['search', 'linearise', 'rewrite', 'curriculum', 'evaluate']),
  );
  expect(await jobsOf(namespace)).toHaveLength(stages.length + 1);
  // A stage ends when its part is published, before its pod ends.
  await untilNothingIsLeft(namespace);

  // Stage by stage the same. The report of `analyse` tells times, and its key counts those of what it reads, so of it
  // only counts are.
  const inPods = manifestsOf(store);
  const facts = (manifests: Map<string, Manifest>) =>
    Object.fromEntries(
      [...manifests].map(([name, { key, digest, counts, parts }]) => [
        name,
        { counts, parts, ...(name === 'analyse' ? {} : { key, digest }) },
      ]),
    );
  expect(Object.keys(facts(inPods))).toHaveLength(stages.length);
  expect(facts(inPods)).toEqual(facts(local));
  expect(stageDir(store, inPods.get('astro/rl')?.key ?? '')).toBe(rl);
});
