import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { annotationOf, type Job, nameOf, type Pod } from '../../k8s/api/objects.ts';
import { createKubernetesExecutor } from '../../k8s/executor.ts';
import { ANNOTATIONS, LABELS } from '../../k8s/manifests/labels.ts';
import { logsDir, stageDir } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { FakeApi } from './fake-api.ts';
import { recorded, settings } from './support.ts';

/** Watches a recorded Job to its end. */
async function watched(name: string, keepLogs: 'failures' | 'all', signal: AbortSignal) {
  const { job, pods } = recorded(name) as { job: Job; pods: readonly Pod[] };
  const api = new FakeApi(job, pods);
  const store = await temporaryFolder();
  const log = { info: () => {}, warn: () => {} };
  using executor = createKubernetesExecutor({ settings: settings({ keepLogs }), store, log, client: api.client });
  let phase = '';
  for await (const observation of executor.watch(nameOf(job), signal)) phase = observation.phase;
  const attempt = Number(job.metadata?.labels?.[LABELS.attempt]);
  const folder = logsDir(stageDir(store, annotationOf(job, ANNOTATIONS.key) ?? ''), attempt);
  const kept = async () => {
    const names = await readdir(folder).catch(() => []);
    return await Promise.all(names.map((one) => readFile(`${folder}/${one}`, 'utf8')));
  };
  return { phase, kept, reads: () => api.logsRead };
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
