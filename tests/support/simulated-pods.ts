import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CoreV1Api,
  type KubeConfig,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1Pod,
} from '@kubernetes/client-node';
import { ANNOTATIONS, LABELS } from '../../k8s/index.ts';
import { partPath, progressPath, sha256File, stageDir, stageFilePath, writeFileAtomic } from '../../store/index.ts';

/**
 * Simulates the programs of pods on fake nodes (KWOK), where nothing runs. For each running pod it fulfils the pod
 * contract (progress, outputs, and last the part's manifest), takes the given time, and lets KWOK end the pod. Its
 * outputs have no meaning. Jobs, pods, scheduling, watches, workflows and activities around it are real.
 */
export interface SimulatedPods {
  /** GPUs of the running pods, now and at most. */
  gpus(): { now: number; most: number };
  /** Stage -> nodes on which its pods have run. */
  readonly nodesOf: ReadonlyMap<string, ReadonlySet<string>>;
  /** Name of a Job -> when its last pod was told to end, in ms since the epoch. */
  readonly endedAt: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

export interface SimulationOptions {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** Folder of the store for this process. */
  readonly store: string;
  /** Duration of a program of this stage. */
  readonly secondsOf: (stage: string) => number;
}

/** The annotation by which a pod of a fake node ends (dev/cluster/kwok/pod-complete.yaml). */
const COMPLETE = 'pod-complete.stage.kwok.x-k8s.io/delay';
const REPORTS = 4;

export async function simulatePods({ config, namespace, store, secondsOf }: SimulationOptions): Promise<SimulatedPods> {
  const core = config.makeApiClient(CoreV1Api);
  const playing = new Map<string, AbortController>();
  const running = new Map<string, number>();
  const nodesOf = new Map<string, Set<string>>();
  const endedAt = new Map<string, number>();
  const plays = new Set<Promise<void>>();
  let most = 0;

  function look(pod: V1Pod): void {
    const uid = pod.metadata?.uid ?? '';
    if (pod.status?.phase !== 'Running' || pod.metadata?.deletionTimestamp !== undefined) {
      forget(uid);
      return;
    }
    if (!running.has(uid)) {
      running.set(uid, gpusOf(pod));
      most = Math.max(most, sum(running.values()));
      const stage = pod.metadata?.annotations?.[ANNOTATIONS.stage] ?? '';
      nodesOf.set(stage, (nodesOf.get(stage) ?? new Set()).add(pod.spec?.nodeName ?? ''));
    }
    if (playing.has(uid)) return;
    const leaving = new AbortController();
    playing.set(uid, leaving);
    const play = perform(pod, leaving.signal).catch((error: unknown) => {
      if (!leaving.signal.aborted) throw error;
    });
    plays.add(play);
    void play.finally(() => plays.delete(play));
  }

  function forget(uid: string): void {
    running.delete(uid);
    playing.get(uid)?.abort();
  }

  async function perform(pod: V1Pod, signal: AbortSignal): Promise<void> {
    const { annotations = {}, labels = {}, name = '' } = pod.metadata ?? {};
    const part = Number(annotations[ANNOTATIONS.index] ?? 0);
    // The other ranks of a gang run until rank 0 is done. Then the Job controller ends them.
    if (annotations[ANNOTATIONS.shape] === 'gang' && part > 0) return;
    const dir = stageDir(store, annotations[ANNOTATIONS.key] ?? '');
    const attempt = Number(labels[LABELS.attempt]);
    const { kind } = JSON.parse(await readFile(stageFilePath(dir), 'utf8')) as { kind: string };
    const stage = annotations[ANNOTATIONS.stage] ?? '';
    const ms = 1000 * secondsOf(stage);
    const beganAt = new Date().toISOString();
    for (let done = 1; done <= REPORTS; done += 1) {
      await sleep(ms / REPORTS, undefined, { signal });
      const updatedAt = new Date().toISOString();
      const report = { attempt, unit: 'simulated unit', done, total: REPORTS, rate: (1000 * REPORTS) / ms };
      await mkdir(dirname(progressPath(dir, part)), { recursive: true });
      await writeFileAtomic(
        progressPath(dir, part),
        JSON.stringify({ ...report, metrics: {}, from: 0, beganAt, savingSeconds: 0, updatedAt }),
      );
    }
    await publish(dir, part, attempt, { kind, name: stage });
    endedAt.set(labels[LABELS.jobName] ?? '', Date.now());
    const body = { metadata: { annotations: { [COMPLETE]: '0s' } } };
    await core.patchNamespacedPod(
      { name, namespace, body },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
  }

  const informer = makeInformer<V1Pod>(config, `/api/v1/namespaces/${namespace}/pods`, () =>
    core.listNamespacedPod({ namespace }),
  );
  informer.on('add', look);
  informer.on('update', look);
  informer.on('delete', (pod) => forget(pod.metadata?.uid ?? ''));
  let stopped = false;
  informer.on('error', () => {
    if (!stopped) setTimeout(() => void informer.start(), 200).unref();
  });
  await informer.start();
  return {
    gpus: () => ({ now: sum(running.values()), most }),
    nodesOf,
    endedAt,
    async stop() {
      stopped = true;
      await informer.stop();
      for (const leaving of playing.values()) leaving.abort();
      await Promise.allSettled(plays);
    },
  };
}

/** Writes placeholder outputs, different for every stage, and then the part's manifest. */
async function publish(
  dir: string,
  part: number,
  attempt: number,
  { kind, name }: { readonly kind: string; readonly name: string },
): Promise<void> {
  const names = kind === 'analyse' ? ['data/report.html', 'data/report.json'] : [`data/simulated-${part}.txt`];
  const files = [];
  for (const path of names) {
    const text = path.endsWith('.json') ? '{}\n' : `simulated: ${name} ${part}\n`;
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
    files.push({ path, sha256: await sha256File(join(dir, path)), bytes: text.length });
  }
  await mkdir(dirname(partPath(dir, part)), { recursive: true });
  const manifest = { part, attempt, files, counts: { simulated: 1 }, finishedAt: new Date().toISOString() };
  await writeFileAtomic(partPath(dir, part), JSON.stringify(manifest));
}

function gpusOf({ spec }: V1Pod): number {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  return sum(containers.map(({ resources }) => Number(resources?.requests?.['nvidia.com/gpu'] ?? 0)));
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
