import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isAlive, readPidFile, readPidFileNote, writePidFile } from '../../dev/processes.ts';
import { ensureWorker, stopWorker } from '../../dev/worker-process.ts';

/** A process that looks like a worker by its command line, with a pid file that says which Temporal it serves. */
function aWorker(address: string): { pid: number; pidFile: string } {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-worker-'));
  const program = join(folder, 'worker.ts');
  writeFileSync(program, 'setTimeout(() => {}, 60_000);');
  const child = spawn(process.execPath, [program], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const pidFile = join(folder, 'worker.pid');
  writePidFile(pidFile, child.pid, address);
  return { pid: child.pid as number, pidFile };
}

test('a running worker is reused for the same server and queue, and refused for others', async () => {
  const place = { address: 'localhost:7233', namespace: 'default', taskQueue: 'orrery' };
  const served = 'localhost:7233, namespace default, task queue orrery';
  const { pid, pidFile } = aWorker(served);
  expect([readPidFile(pidFile, 'worker.ts'), readPidFileNote(pidFile)]).toEqual([pid, served]);
  expect(await ensureWorker(place, { pidFile })).toMatchObject({ started: false });
  for (const other of [{ address: 'localhost:7300' }, { namespace: 'other' }, { taskQueue: 'other' }]) {
    await expect(ensureWorker({ ...place, ...other }, { pidFile })).rejects.toThrow(
      /for the Temporal at localhost:7233, namespace default, task queue orrery, not .*\n.*npm run down/,
    );
  }
});

test('a leftover worker is stopped once, by its pid file', async () => {
  const { pid, pidFile } = aWorker('localhost:7233');
  expect(await stopWorker(pidFile)).toBe(true);
  expect(isAlive(pid)).toBe(false);
  expect(await stopWorker(pidFile)).toBe(false);
});

test('a pid that another program has now does not count as the worker', async () => {
  const { pidFile } = aWorker('localhost:7233');
  writePidFile(pidFile, process.ppid);
  expect(readPidFile(pidFile, 'no-such-program.ts')).toBeNull();
  expect(readPidFileNote(pidFile)).toBe('');
});
