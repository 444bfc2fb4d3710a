import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

/** The real worker in a separate process, with invalid settings. */
vi.setConfig({ testTimeout: 120_000 });

let temporal: TestTemporal;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-settings-'));
  file = join(folder, 'file');
  writeFileSync(file, '');
  temporal = await startTemporal();
});
afterAll(async () => {
  await temporal?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const settings = (): Record<string, string> => ({
  TEMPORAL_ADDRESS: temporal.address,
  TEMPORAL_NAMESPACE: 'default',
  ORRERY_TASK_QUEUE: 'settings',
  ORRERY_STORE: join(folder, 'store'),
  ORRERY_HOME: join(folder, 'home'),
  ORRERY_EXECUTOR: 'local',
});

test.each<[string, () => Record<string, string>, RegExp]>([
  [
    'an unknown log level',
    () => ({ ORRERY_LOG_LEVEL: 'loud' }),
    /ORRERY_LOG_LEVEL: expected one of trace, .* \\"loud\\"/,
  ],
  ['an unknown executor', () => ({ ORRERY_EXECUTOR: 'k8s' }), /ORRERY_EXECUTOR: expected local or kubernetes/],
  [
    'an empty settings file for Kubernetes',
    () => ({ ORRERY_EXECUTOR: 'kubernetes', ORRERY_KUBERNETES: file }),
    /the file is empty/,
  ],
  ['a file instead of the store', () => ({ ORRERY_STORE: file }), /expected a folder in the store, but found a file/],
  [
    'a file above the store',
    () => ({ ORRERY_STORE: join(file, 'store') }),
    /expected a folder in the store, but found a file/,
  ],
  ['a file instead of its home', () => ({ ORRERY_HOME: file }), /expected a folder in the store, but found a file/],
])('a worker with %s reports it in one line, and exits with 65', async (_, wrong, words) => {
  const env = { ...settings(), ...wrong() };
  const ended = await execa(process.execPath, [inProject('worker.ts')], { reject: false, all: true, env });
  expect(ended.all.split('\n').filter((line) => line.includes('"level":60'))).toEqual([expect.stringMatching(words)]);
  expect(ended.all).not.toMatch(/^ +at /m);
  expect(ended.exitCode).toBe(65);
});
