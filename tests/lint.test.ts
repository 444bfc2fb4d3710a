import { rmSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { afterEach, expect, test } from 'vitest';
import { inProject } from '../cli/paths.ts';

/** The import table of docs/architecture.md is held by Biome; here a file breaks it on purpose, in the folder that the rule is about. */
let written: string | null = null;

afterEach(() => {
  if (written !== null) rmSync(written, { force: true });
});

async function complaints(folder: string, code: string): Promise<string> {
  written = inProject(folder, `lint-test-${process.pid}.ts`);
  writeFileSync(written, `${code}\n`);
  const { stdout, stderr } = await execa(inProject('node_modules/.bin/biome'), ['lint', written], { reject: false });
  return stdout + stderr;
}

test.each([
  { folder: 'spec', code: "export * from 'pino';", rule: 'spec/ imports zod alone' },
  { folder: 'spec', code: "export * from '../store/index.ts';", rule: 'spec/ imports zod alone' },
  { folder: 'workflows', code: "export * from 'node:fs';", rule: 'nothing of Node' },
  { folder: 'workflows', code: "export * from 'fs';", rule: 'nothing of Node' },
  { folder: 'workflows', code: "export * from '../activities/index.ts';", rule: 'only types may come from here' },
  { folder: 'workflows/policy', code: "export * from '../../store/index.ts';", rule: 'nothing of Node' },
  { folder: 'stages', code: "export * from '@temporalio/client';", rule: 'neither Temporal nor Kubernetes' },
  { folder: 'stages/search', code: "export * from '../../activities/index.ts';", rule: 'stages/ imports' },
  { folder: 'store', code: "export * from '@kubernetes/client-node';", rule: 'neither Temporal nor Kubernetes' },
  { folder: 'local', code: "export * from '../cli/paths.ts';", rule: 'local/ imports' },
  { folder: 'activities', code: "export * from '../stages/jsonl.ts';", rule: 'activities/ imports' },
  { folder: 'domains/countdown', code: "export * from '../../store/index.ts';", rule: 'domains/ imports' },
  { folder: 'cli', code: "export * from '../workflows/index.ts';", rule: 'only types may come from here' },
  { folder: 'cli', code: "export * from '../stages/jsonl.ts';", rule: 'cli/ imports' },
])('$folder may not say $code', async ({ folder, code, rule }) => {
  expect(await complaints(folder, code)).toContain(rule);
});

test.each([
  { folder: 'workflows', code: "export type { Activities } from '../activities/index.ts';" },
  { folder: 'workflows/policy', code: "export type { Failure } from '../../spec/index.ts';" },
  { folder: 'stages/search', code: "export { numbered } from '../../store/index.ts';" },
  { folder: 'domains/countdown', code: "export { loadDomain } from '../../stages/domain.ts';" },
  { folder: 'cli', code: "export type { CampaignResult } from '../workflows/index.ts';" },
])('$folder may say $code', async ({ folder, code }) => {
  expect(await complaints(folder, code)).not.toContain('docs/architecture.md');
});
