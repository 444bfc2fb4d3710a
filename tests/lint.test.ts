import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inProject } from '../config/paths.ts';

/** The import table of docs/architecture.md is held by Biome: one run over a made-up project in which files break it on purpose. */
const FORBIDDEN = [
  { file: 'spec/a.ts', code: "export * from 'pino';", rule: 'spec/ imports zod alone' },
  { file: 'spec/b.ts', code: "export * from '../store/index.ts';", rule: 'spec/ imports zod alone' },
  { file: 'spec/stages/a.ts', code: "export * from '../../store/index.ts';", rule: 'spec/ imports zod alone' },
  { file: 'workflows/a.ts', code: "export * from 'node:fs';", rule: 'nothing of Node' },
  { file: 'workflows/b.ts', code: "export * from 'fs';", rule: 'nothing of Node' },
  { file: 'workflows/c.ts', code: "export * from '../activities/index.ts';", rule: 'only types may come from here' },
  { file: 'workflows/policy/a.ts', code: "export * from '../../store/index.ts';", rule: 'nothing of Node' },
  { file: 'stages/a.ts', code: "export * from '@temporalio/client';", rule: 'neither Temporal nor Kubernetes' },
  { file: 'stages/search/a.ts', code: "export * from '../../activities/index.ts';", rule: 'stages/ imports' },
  { file: 'store/a.ts', code: "export * from '@kubernetes/client-node';", rule: 'neither Temporal nor Kubernetes' },
  { file: 'k8s/a.ts', code: "export * from '@temporalio/client';", rule: 'knows nothing of Temporal' },
  { file: 'planner/a.ts', code: "export * from '../store/index.ts';", rule: 'planner/ imports' },
  { file: 'planner/b.ts', code: "export * from 'node:fs';", rule: 'planner/ imports' },
  { file: 'local/a.ts', code: "export * from '../config/paths.ts';", rule: 'local/ imports' },
  { file: 'reconciler/a.ts', code: "export * from '../local/index.ts';", rule: 'reconciler/ imports' },
  { file: 'activities/a.ts', code: "export * from '../stages/io/jsonl.ts';", rule: 'activities/ imports' },
  { file: 'domains/x/a.ts', code: "export * from '../../store/index.ts';", rule: 'domains/ imports' },
  { file: 'dev/soak/a.ts', code: "export * from '../../local/index.ts';", rule: 'nothing of what it tests' },
  { file: 'dev/soak/checker/a.ts', code: "export * from '../../store/index.ts';", rule: 'nothing but Node' },
  { file: 'dev/soak/checker/b.ts', code: "export * from '../faults.ts';", rule: 'nothing but Node' },
  { file: 'cli/a.ts', code: "export * from '../workflows/index.ts';", rule: 'only types may come from here' },
  { file: 'bench/a.ts', code: "export * from '../stages/io/jsonl.ts';", rule: 'bench/ imports' },
  { file: 'cli/b.ts', code: "export * from '../stages/io/jsonl.ts';", rule: 'cli/ imports' },
];
const ALLOWED = [
  { file: 'spec/stages/ok.ts', code: "export * from '../run.ts';" },
  { file: 'workflows/ok.ts', code: "export type { Activities } from '../activities/index.ts';" },
  { file: 'workflows/policy/ok.ts', code: "export type { Failure } from '../../spec/index.ts';" },
  { file: 'stages/search/ok.ts', code: "export { numbered } from '../../store/index.ts';" },
  { file: 'domains/x/ok.ts', code: "export { loadDomain } from '../domain.ts';" },
  { file: 'dev/soak/ok.ts', code: "export { Client } from '@temporalio/client';" },
  { file: 'dev/soak/local/ok.ts', code: "export * from './disk.ts';" },
  { file: 'dev/soak/checker/ok.ts', code: "export { readFile } from 'node:fs/promises';\nexport * from './read.ts';" },
  { file: 'cli/commands/ok.ts', code: "export * from '../../local/index.ts';" },
  { file: 'planner/ok.ts', code: "export { GPUS } from '../spec/index.ts';" },
  { file: 'reconciler/ok.ts', code: "export { Client } from '@temporalio/client';" },
  { file: 'bench/x/ok.ts', code: "export { random } from '../../stages/runtime/random.ts';" },
  { file: 'cli/ok.ts', code: "export type { CampaignResult } from '../workflows/index.ts';" },
];

interface Diagnostic {
  readonly message: string;
  readonly location: { readonly path: string };
}
let project: string;
let diagnostics: readonly Diagnostic[];

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'orrery-lint-'));
  cpSync(inProject('lint'), join(project, 'lint'), { recursive: true });
  cpSync(inProject('biome.json'), join(project, 'biome.json'));
  symlinkSync(inProject('node_modules'), join(project, 'node_modules'));
  for (const { file, code } of [...FORBIDDEN, ...ALLOWED]) {
    mkdirSync(dirname(join(project, file)), { recursive: true });
    writeFileSync(join(project, file), `${code}\n`);
  }
  const { stdout } = await execa(
    inProject('node_modules/.bin/biome'),
    ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none'],
    { cwd: project, reject: false },
  );
  ({ diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] });
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

const complaintsAbout = (file: string): string =>
  diagnostics
    .filter(({ location }) => location.path.endsWith(file))
    .map(({ message }) => message)
    .join('\n');

test.each(FORBIDDEN)('$file may not say $code', ({ file, rule }) => {
  expect(complaintsAbout(file)).toContain(rule);
});

test.each(ALLOWED)('$file may say $code', ({ file }) => {
  expect(complaintsAbout(file)).toBe('');
});
