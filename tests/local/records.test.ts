import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test as it, vi } from 'vitest';
import { localOutcome } from '../../local/index.ts';
import { tryLease } from '../../local/leases.ts';
import { processStart } from '../../local/processes.ts';
import { aJob, doing, eventually, Machine } from './support.ts';

// Real processes on a possibly busy machine: support.ts limits each wait to 15 s.
vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

/** A job that sleeps, and the path of one of its records. */
async function running(record: string) {
  const here = new Machine();
  mkdirSync(here.store, { recursive: true });
  const request = aJob({ main: doing('stay') });
  await here.executor.submit(request);
  await here.until(request.name, ({ phase }) => phase === 'running');
  return { here, request, path: join(here.home, 'jobs', request.name, record) };
}

const DAMAGES = [
  ['cut in half', (path: string) => truncateSync(path, Math.floor(readFileSync(path).length / 2))],
  ['empty', (path: string) => truncateSync(path, 0)],
  ['of another shape', (path: string) => writeFileSync(path, '{"request":{}}')],
] as const;

describe('a job whose job.json is', () => {
  test.each(DAMAGES)('%s ends as crashed with the name of the file, and leaves no process', async (_, damage) => {
    const { here, request, path } = await running('job.json');
    await using _here = here;
    damage(path);
    const end = await here.end(request.name);
    expect(localOutcome(end, 0)).toMatchObject({
      failure: { class: 'Crashed', message: expect.stringMatching(new RegExp(`record was set aside.*${path}`, 's')) },
    });
    expect(await here.alive()).toEqual([]);
    expect(await here.executor.observe(request.name)).toBeNull();
  });

  test('cut in half is stopped on request', async () => {
    const { here, request, path } = await running('job.json');
    await using _here = here;
    truncateSync(path, 10);
    await here.executor.stop(request.name);
    expect(await here.alive()).toEqual([]);
  });

  test('cut in half is not listed, and listing does not end it', async () => {
    const { here, path } = await running('job.json');
    await using _here = here;
    truncateSync(path, 10);
    expect(await here.executor.list()).toEqual([]);
    expect((await here.alive()).length).toBeGreaterThan(0);
  });
});

test('a job whose state.json is cut in half continues, and can be stopped', async () => {
  const { here, request, path } = await running('state.json');
  await using _here = here;
  truncateSync(path, 10);
  expect((await here.executor.observe(request.name))?.phase).toBe('pending');
  await here.executor.suspend(request.name);
  expect(await here.executor.observe(request.name)).toMatchObject({ phase: 'stopped' });
  expect(await here.alive()).toEqual([]);
});

test('a job whose supervisor.json is cut in half is ended, because nobody could end it later', async () => {
  const { here, request, path } = await running('supervisor.json');
  await using _here = here;
  truncateSync(path, 3);
  expect(localOutcome(await here.end(request.name), 0)).toMatchObject({ kind: 'failed' });
  await eventually(async () => (await here.alive()).length === 0, 'no process left');
});

test('a job whose stop.json is empty is stopped too', async () => {
  const { here, request, path } = await running('stop.json');
  await using _here = here;
  writeFileSync(path, '');
  await here.executor.suspend(request.name);
  expect(await here.executor.observe(request.name)).toMatchObject({ phase: 'stopped' });
  expect(await here.alive()).toEqual([]);
  rmSync(path);
});

test('a lease that does not parse does not block the GPU', async () => {
  await using here = new Machine();
  const holder = {
    job: 'demo',
    jobId: crypto.randomUUID(),
    pid: process.pid,
    start: (await processStart(process.pid))!,
  };
  await tryLease(here.home, 'gpu-0', holder);
  expect(await tryLease(here.home, 'gpu-0', holder)).toBeNull();
  truncateSync(join(here.home, 'leases/gpu-0/00000.json'), 5);
  expect(await tryLease(here.home, 'gpu-0', holder)).not.toBeNull();
});
