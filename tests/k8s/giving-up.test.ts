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
 * Watches a Job whose image is missing, long after its limit, through a fake API server. A real one cannot be made to
 * refuse a change for a moment, or to remove the Job while its watch is late.
 */
/** @param signal - of the test: the duration proves nothing */
async function followed(answers: readonly Patch[], signal: AbortSignal) {
  const { job, pods } = recorded('image-missing') as { job: Job; pods: readonly Pod[] };
  let removed = false;
  const asked: number[] = [];
  const logged: string[] = [];
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
  const log = { info: (_: object, message: string) => void logged.push(message), warn: () => {} };
  const executor = createKubernetesExecutor({ settings: settings(), store: await temporaryFolder(), log, client });
  let last: JobObservation | null = null;
  for await (const seen of executor.watch(nameOf(job), signal)) {
    last = seen;
    // The pod is not simulated: it keeps waiting.
    if (seen.message?.startsWith('stopping: ')) break;
  }
  executor[Symbol.dispose]();
  return { last: last as JobObservation | null, asked, logged };
}

async function* silence(signal: AbortSignal): AsyncGenerator<WatchEvent> {
  yield { type: 'OPEN' };
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

const busy: Patch = () => new KubeError('change Job', { status: 503, message: 'busy', retryAfterSeconds: null }, null);

test('a Job is given up by one change, and reported so', async ({ signal }) => {
  const { last, asked } = await followed([], signal);
  expect(asked).toHaveLength(1);
  expect(last?.message).toMatch(/^stopping: main cannot be started: .*ImagePull/);
});

test('a change that the API server does not accept is repeated with growing pauses, and each repetition is logged', async ({
  signal,
}) => {
  const { last, asked, logged } = await followed([busy, busy, busy], signal);
  expect(asked).toHaveLength(4);
  const [first = 0, , , fourth = 0] = asked;
  expect(fourth - first).toBeGreaterThan(600); // at least half of 0.2 + 0.4 + 0.8 s
  expect(logged.filter((message) => message === 'request to the API server failed: retrying')).toHaveLength(3);
  expect(last?.message).toMatch(/^stopping: /);
});

test('a Job that is already gone when it is given up is not requested again, although its watch is late', async ({
  signal,
}) => {
  const { last, asked } = await followed([() => 'gone'], signal);
  expect(asked).toHaveLength(1);
  expect(last).toBeNull(); // as of a Job that never was
});
