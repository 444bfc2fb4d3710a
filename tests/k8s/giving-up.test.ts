import { expect, test } from 'vitest';
import type { JobObservation } from '../../executor/index.ts';
import type { KubeClient } from '../../k8s/api/client.ts';
import { KubeError } from '../../k8s/api/errors.ts';
import { type Job, nameOf, type Pod } from '../../k8s/api/objects.ts';
import type { WatchEvent } from '../../k8s/api/watch.ts';
import { createKubernetesExecutor } from '../../k8s/executor.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { recorded, settings } from './support.ts';

type Patch = () => 'changed' | 'gone' | KubeError;

/**
 * Follows a Job whose image is missing, long after its time was over, through a client that plays the API server: one which refuses a change for
 * a moment, or has removed the Job while its watch is late, cannot be had at will.
 */
/** @param signal - of the test: how long it takes says nothing */
async function followed(answers: readonly Patch[], signal: AbortSignal) {
  const { job, pods } = recorded('image-missing') as { job: Job; pods: readonly Pod[] };
  let removed = false;
  const asked: number[] = [];
  const told: string[] = [];
  const client = {
    namespace: 'orrery',
    list: async (what: string) => {
      const items = what === 'jobs' ? [job] : what === 'pods' ? pods : [];
      return { items, resourceVersion: '1', next: null };
    },
    // It is quiet, and open until the end.
    watch: (_what: string, _selected: object, _version: string, signal: AbortSignal) => silence(signal),
    getJob: async () => (removed ? null : job),
    getNode: async () => null,
    listCustom: async () => [],
    podLog: async () => null,
    patchJob: async (_: string, { annotations }: { annotations: Record<string, string> }) => {
      const answer = answers[asked.length]?.() ?? 'changed';
      asked.push(performance.now());
      if (answer instanceof KubeError) throw answer;
      removed = answer === 'gone';
      const conditions = [{ type: 'Suspended', status: 'True' }];
      const changed = { ...job.metadata, annotations: { ...job.metadata?.annotations, ...annotations } };
      return removed ? null : { ...job, metadata: changed, status: { ...job.status, active: 0, conditions } };
    },
  } as unknown as KubeClient;
  const log = { info: (_: object, message: string) => void told.push(message), warn: () => {} };
  const executor = createKubernetesExecutor({ settings: settings(), store: await temporaryFolder(), log, client });
  let last: JobObservation | null = null;
  for await (const seen of executor.watch(nameOf(job), signal)) {
    last = seen;
    // The pod is not played: it goes on waiting.
    if (seen.message?.startsWith('is ended')) break;
  }
  executor[Symbol.dispose]();
  return { last: last as JobObservation | null, asked, told };
}

async function* silence(signal: AbortSignal): AsyncGenerator<WatchEvent> {
  yield { type: 'OPEN' };
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

const busy: Patch = () => new KubeError('change Job', { status: 503, words: 'busy', retryAfterSeconds: null }, null);

test('a Job is given up by one change, and told so', async ({ signal }) => {
  const { last, asked } = await followed([], signal);
  expect(asked).toHaveLength(1);
  expect(last?.message).toMatch(/^is ended: main cannot be started: .*ImagePull/);
});

test('a change that the API server does not take is asked for again ever more slowly, and each time is told', async ({
  signal,
}) => {
  const { last, asked, told } = await followed([busy, busy, busy], signal);
  expect(asked).toHaveLength(4);
  const [first = 0, , , fourth = 0] = asked;
  expect(fourth - first).toBeGreaterThan(600); // at least half of 0.2 + 0.4 + 0.8 s
  expect(told.filter((message) => message === 'the cluster is asked again')).toHaveLength(3);
  expect(last?.message).toMatch(/^is ended/);
});

test('a Job that is gone when it is to be given up is not asked for again, although its watch has not said so yet', async ({
  signal,
}) => {
  const { last, asked } = await followed([() => 'gone'], signal);
  expect(asked).toHaveLength(1);
  expect(last).toBeNull(); // as of a Job that never was
});
