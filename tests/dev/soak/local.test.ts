import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { disksCannot, mountDisk } from '../../../dev/soak/local/disk.ts';
import { SOAK_MARK } from '../../../dev/soak/local/programs.ts';
import { sampleProcesses } from '../../../dev/soak/local/sampler.ts';
import type { KeptService } from '../../../dev/soak/local/services.ts';
import { createLocalTarget } from '../../../dev/soak/local/target.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const KEY = 'k'.repeat(64);

/**
 * A process as an executor starts it: in a group of its own, with the pod contract in its environment. It does nothing
 * until it is ended.
 */
function startMain(mark: string, store: string, attempt: number, script = 'setInterval(() => {}, 1000)'): ChildProcess {
  const child = spawn(process.execPath, ['-e', script], {
    detached: true,
    stdio: 'ignore',
    env: {
      ...process.env,
      [SOAK_MARK]: mark,
      ORRERY_JOB: `micro-sft-${attempt}`,
      ORRERY_JOB_ID: 'id',
      ORRERY_CAMPAIGN: 'micro',
      ORRERY_ATTEMPT: `${attempt}`,
      ORRERY_STAGE_FILE: join(store, 'stages', KEY, 'stage.json'),
      ORRERY_STORE: store,
    },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const NOBODY: KeptService = {
  pid: () => null,
  kill: async () => {},
  start: async () => {},
  drain: async () => ({ seconds: 0, end: '', inTime: true }),
};

async function aTarget() {
  const folder = await temporaryFolder();
  const store = join(folder, 'store');
  mkdirSync(join(store, 'stages', KEY), { recursive: true });
  writeFileSync(join(store, 'stages', KEY, 'stage.json'), '{"name":"astro/sft"}');
  const unused = { program: '', cwd: '', env: {}, logFile: join(folder, 'worker.log') };
  const target = createLocalTarget({
    mark: folder,
    store,
    disk: {} as never,
    worker: NOBODY,
    temporal: NOBODY,
    workerOptions: unused,
    zombieLog: join(folder, 'zombies.log'),
  });
  const untilSeen = async (count: number) => {
    while ((await target.running()).length !== count) await sleep(20);
    return await target.running();
  };
  return { folder, store, target, untilSeen };
}

test('the target finds the programs of its soak by their marks, signals them, and notices their end', async () => {
  const { folder, store, target, untilSeen } = await aTarget();
  const child = startMain(folder, store, 3);
  startMain('another soak', store, 4);
  const [program] = await untilSeen(1);
  expect(program).toMatchObject({ role: 'main', stage: 'astro/sft', key: KEY, attempt: 3, part: 0, campaign: 'micro' });
  expect(await target.signal(program!, 'SIGKILL')).toBe(true);
  await once(child, 'exit');
  expect(await target.isAlive(program!)).toBe(false);
  expect(await target.signal(program!, 'SIGKILL')).toBe(false);
});

test('a power cut leaves no program', async () => {
  const { folder, store, target, untilSeen } = await aTarget();
  for (const attempt of [0, 1]) startMain(folder, store, attempt);
  await untilSeen(2);
  await target.powerCut();
  expect(await target.running()).toEqual([]);
});

test('a zombie is the same program with the same attempt, but without the marks that lead an executor to it', async () => {
  const { folder, store, target, untilSeen } = await aTarget();
  const script = `
    const { ORRERY_ATTEMPT, ORRERY_JOB, ORRERY_JOB_ID, ORRERY_SOAK_ZOMBIE } = process.env;
    if (ORRERY_SOAK_ZOMBIE) process.exit(ORRERY_ATTEMPT === '5' && !ORRERY_JOB && !ORRERY_JOB_ID ? 75 : 1);
    setInterval(() => {}, 1000);`;
  startMain(folder, store, 5, script);
  const [program] = await untilSeen(1);
  const zombie = await target.remember(program!);
  await target.signal(program!, 'SIGKILL');
  expect(await zombie.wake(30_000)).toBe('it ended with exit code 75');
});

test('the sampler reports two attempts of one stage that overlap, and ignores two that follow each other', async () => {
  const { folder, store, untilSeen } = await aTarget();
  const sampler = sampleProcesses(folder);
  onTestFinished(async () => void (await sampler.stop()));
  const first = startMain(folder, store, 0);
  await untilSeen(1);
  await sleep(500);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const second = startMain(folder, store, 1);
  await untilSeen(1);
  await sleep(500);
  const third = startMain(folder, store, 2);
  await untilSeen(2);
  await sleep(1000);
  const { overlaps, processes, looks } = await sampler.stop();
  expect(looks).toBeGreaterThan(2);
  expect(processes.map(({ attempt }) => attempt)).toEqual([0, 1, 2]);
  expect(overlaps).toHaveLength(1);
  expect(overlaps[0]).toMatchObject({ one: { pid: second.pid }, other: { pid: third.pid } });
});

test.skipIf('disk-full' in disksCannot())(
  'a disk of its own can be filled and made read-only, and mended',
  async () => {
    const folder = await temporaryFolder();
    const disk = await mountDisk(folder);
    onTestFinished(() => disk.unmount());
    const file = (name: string) => join(folder, name);
    writeFileSync(file('before'), 'x');
    await disk.fill();
    expect(() => writeFileSync(file('full'), 'x'.repeat(10_000))).toThrow(/ENOSPC/);
    await disk.free();
    await disk.makeReadOnly();
    expect(() => writeFileSync(file('refused'), 'x')).toThrow(/EROFS/);
    await disk.makeWritable();
    writeFileSync(file('after'), 'x');
    expect(existsSync(file('before'))).toBe(true);
  },
);
