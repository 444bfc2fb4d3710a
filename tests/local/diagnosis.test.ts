import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test as it, vi } from 'vitest';
import type { JobRequest, Program } from '../../executor/index.ts';
import { isFree } from '../../local/ports.ts';
import { aJob, doing, eventually, Machine } from './support.ts';

// Real programs that really hang.
vi.setConfig({ testTimeout: 30_000 });
const test = it.concurrent;

const PYTHON = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
const hanging = (how: 'handler' | 'bare'): Program => ({
  runtime: 'python',
  args: [fileURLToPath(new URL('./programs/hang.py', import.meta.url)), how],
});
const machine = (): Machine => {
  const made = new Machine({ python: PYTHON });
  mkdirSync(made.store, { recursive: true });
  return made;
};
const { name } = aJob();

/** Starts a job, waits until its program has begun, and takes a diagnosis. */
async function diagnosisOf(here: Machine, changes: Partial<JobRequest>) {
  await here.executor.submit(aJob(changes));
  await here.untilNoted('begin 0');
  return await here.executor.diagnose(name);
}
const stacks = (diagnosis: Readonly<Record<string, string>>): string =>
  Object.entries(diagnosis)
    .flatMap(([file, text]) => (file.startsWith('stack-') ? [text] : []))
    .join('\n');

describe.runIf(process.platform === 'linux')('the stack', () => {
  test('of a Python program names the function that it hangs in, and the program continues', async () => {
    await using here = machine();
    const diagnosis = await diagnosisOf(here, { main: hanging('handler') });
    expect(stacks(diagnosis)).toMatch(/most recent call first\):\n {2}File ".*hang\.py", line \d+ in hang_here/);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'running' });
  });

  test('of a Python program without a handler is not taken, because the signal would kill it', async () => {
    await using here = machine();
    const diagnosis = await diagnosisOf(here, { main: hanging('bare') });
    expect(stacks(diagnosis)).toContain('no handler for SIGUSR1');
    await here.executor.diagnose(name);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'running' });
  });

  test('of an idle Node program is a report without environment or addresses', async () => {
    await using here = machine();
    const diagnosis = await diagnosisOf(here, { main: doing('idle'), env: { PASSWORD: 'a secret thing' } });
    expect(stacks(diagnosis)).toMatch(/"type": "tcp"/);
    expect(Object.values(diagnosis).join()).not.toContain('a secret thing');
    expect(Object.values(diagnosis).join()).not.toMatch(/networkInterfaces|environmentVariables/);
    expect(readdirSync(join(here.home, 'jobs', name)).filter((file) => file.startsWith('report'))).toEqual([]);
  });

  test('of a busy Node program names the function, and its debugger is closed again', async () => {
    await using here = machine();
    const diagnosis = await diagnosisOf(here, { main: doing('spin') });
    expect(stacks(diagnosis)).toMatch(/at spinForEver \(.*main\.mjs:\d+:\d+\)/);
    const debuggers = /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/g;
    const log = async () => (await here.executor.diagnose(name))['00000-main.log'] ?? '';
    const ports = [...(await log()).matchAll(debuggers)].map(([, port]) => Number(port));
    expect(ports).toHaveLength(1);
    expect(await isFree(ports[0]!)).toBe(true);
    // A second diagnosis returns the result of the first: a second debugger could end the program.
    expect(stacks(await here.executor.diagnose(name))).toMatch(/at spinForEver/);
    expect([...(await log()).matchAll(debuggers)]).toHaveLength(1);
    expect(await here.executor.observe(name)).toMatchObject({ phase: 'running' });
  });

  test('of a stopped process is not available, and says why', async () => {
    await using here = machine();
    await here.executor.submit(aJob({ main: hanging('handler') }));
    await here.untilNoted('begin 0');
    const program = (await here.alive()).filter((pid) => pid !== here.supervisorPid(name));
    for (const pid of program) process.kill(pid, 'SIGSTOP');
    const isStopped = (pid: number) => / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    await eventually(() => program.every(isStopped), 'every process of the program stopped');
    const diagnosis = await here.executor.diagnose(name);
    expect(stacks(diagnosis)).toContain('it is stopped (state T)');
    expect(diagnosis['processes.txt']).toMatch(/part 0: .*hang\.py handler\n {2}state T \(is stopped by a signal\)/);
  });
});

test('a diagnosis has the logs, the processes, the machine and its GPUs, and the state of the job', async () => {
  await using here = machine();
  const diagnosis = await diagnosisOf(here, { main: doing('idle') });
  expect(diagnosis['00000-main.log']).toContain('something before');
  expect(diagnosis['processes.txt']).toContain('main.mjs idle');
  expect(diagnosis['machine.txt']).toMatch(/load .* on \d+ cores\nmemory .* GiB available/);
  expect(diagnosis['nvidia-smi.txt']).toMatch(/nvidia-smi/i);
  expect(JSON.parse(diagnosis['job.json']!)).toMatchObject({ name, phase: 'running' });
  for (const [file, text] of Object.entries(diagnosis)) expect(text.length, file).toBeLessThan(150_000);
});

test('an unknown job and an ended job are reported as such', async () => {
  await using here = machine();
  expect(await here.executor.diagnose('never')).toEqual({ 'job.txt': 'there is no record of this job\n' });
  await here.executor.submit(aJob());
  await here.end(name);
  await eventually(async () => (await here.alive()).length === 0, 'the supervisor gone after its last word');
  const diagnosis = await here.executor.diagnose(name);
  expect(diagnosis['processes.txt']).toContain('the job has no processes');
  expect(stacks(diagnosis)).toBe('');
});
