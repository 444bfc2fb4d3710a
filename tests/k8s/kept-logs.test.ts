import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { KubeClient } from '../../k8s/api/client.ts';
import { annotationOf, type Job, nameOf, type Pod } from '../../k8s/api/objects.ts';
import type { WatchEvent } from '../../k8s/api/watch.ts';
import { createKubernetesExecutor } from '../../k8s/executor.ts';
import { logsDir, stageDir } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { recorded, settings } from './support.ts';

/** Watches a recorded Job to its end, through a fake API server that has its objects. */
async function watched(name: string, keepLogs: 'failures' | 'all', signal: AbortSignal) {
  const { job, pods } = recorded(name) as { job: Job; pods: readonly Pod[] };
  const store = await temporaryFolder();
  let reads = 0;
  const client = {
    namespace: 'orrery',
    list: async (what: string) => {
      const items = what === 'jobs' ? [job] : what === 'pods' ? pods : [];
      return { items, resourceVersion: '1', next: null };
    },
    watch: async function* (_: string, __: object, ___: string, ending: AbortSignal): AsyncGenerator<WatchEvent> {
      yield { type: 'OPEN' };
      await new Promise((resolve) => ending.addEventListener('abort', resolve, { once: true }));
    },
    getNode: async () => null,
    podLog: async () => {
      reads += 1;
      return 'its last line\n';
    },
  } as unknown as KubeClient;
  const log = { info: () => {}, warn: () => {} };
  using executor = createKubernetesExecutor({ settings: settings({ keepLogs }), store, log, client });
  let phase = '';
  for await (const observation of executor.watch(nameOf(job), signal)) phase = observation.phase;
  const folder = logsDir(
    stageDir(store, annotationOf(job, 'orrery.dev/key') ?? ''),
    Number(job.metadata?.labels?.['orrery.dev/attempt']),
  );
  const kept = async () => {
    const names = await readdir(folder).catch(() => []);
    return await Promise.all(names.map((one) => readFile(`${folder}/${one}`, 'utf8')));
  };
  return { phase, kept, reads: () => reads };
}

test('the logs of a failed Job are in the store before its end is reported', async ({ signal }) => {
  const { phase, kept } = await watched('exit-70', 'failures', signal);
  expect(phase).toBe('failed');
  expect(await kept()).toEqual(['its last line\n']);
});

test('a successful Job costs no request for logs', async ({ signal }) => {
  const { phase, kept, reads } = await watched('completed', 'failures', signal);
  expect(phase).toBe('succeeded');
  expect([await kept(), reads()]).toEqual([[], 0]);
});

test('with keepLogs: all, the logs of a successful Job are in the store too', async ({ signal }) => {
  const { phase, kept } = await watched('completed', 'all', signal);
  expect(phase).toBe('succeeded');
  await expect.poll(async () => (await kept()).length).toBeGreaterThan(0);
});
