import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, test, vi } from 'vitest';
import { aFolder, put } from './support.ts';

/** A module as a fresh process has it: versions are kept per process. */
async function codeVersion(
  ...args: Parameters<typeof import('../../store/code-version.ts').codeVersion>
): Promise<string> {
  vi.resetModules();
  return (await import('../../store/code-version.ts')).codeVersion(...args);
}

let project: string;
beforeEach(() => {
  project = aFolder();
  put(project, 'spec/index.ts', 'export const spec = 1;');
  put(project, 'stages/main.ts', "const program = () => import('./search/program.ts');");
  put(project, 'stages/shared.ts', "import { spec } from '../spec/index.ts';");
  put(project, 'stages/search/program.ts', "import { a } from '../shared.ts';");
  put(project, 'stages/search/notes.md', 'words');
  put(project, 'stages/rewrite/program.ts', 'export const rewrite = 1;');
  put(project, 'domains/countdown/domain.ts', 'export const domain = 1;');
  put(project, 'domains/countdown/phrases.json', '{}');
  put(project, 'domains/math/domain.ts', 'export const domain = 1;');
  put(project, 'trainers/orrery_trainers/sft.py', 'pass');
  put(project, 'trainers/orrery_trainers/verifier.py', 'pass');
  put(project, 'trainers/orrery_trainers/tests/test_sft.py', 'pass');
  put(project, 'trainers/requirements.txt', 'torch');
});

describe.each([
  { kind: 'search', path: 'stages/search/program.ts', changes: true },
  { kind: 'search', path: 'stages/search/table.json', changes: true },
  { kind: 'search', path: 'stages/shared.ts', changes: true },
  { kind: 'search', path: 'spec/index.ts', changes: true },
  { kind: 'search', path: 'domains/countdown/phrases.json', changes: true },
  { kind: 'search', path: 'trainers/orrery_trainers/verifier.py', changes: true },
  { kind: 'search', path: 'trainers/requirements.txt', changes: true },
  { kind: 'search', path: 'trainers/orrery_trainers/sft.py', changes: false },
  { kind: 'search', path: 'stages/rewrite/program.ts', changes: false },
  { kind: 'search', path: 'stages/search/notes.md', changes: false },
  { kind: 'search', path: 'domains/math/domain.ts', changes: false },
  { kind: 'sft', path: 'trainers/orrery_trainers/sft.py', changes: true },
  { kind: 'sft', path: 'domains/countdown/domain.py', changes: true },
  { kind: 'sft', path: 'domains/countdown/domain.ts', changes: false },
  { kind: 'sft', path: 'stages/shared.ts', changes: false },
  { kind: 'sft', path: 'trainers/orrery_trainers/tests/test_sft.py', changes: false },
] as const)('the code version of $kind', ({ kind, path, changes }) => {
  it(`${changes ? 'changes' : 'stays'} with ${path}`, async () => {
    const before = await codeVersion(kind, project, 'countdown');
    put(project, path, 'const changed = 1;');
    const after = await codeVersion(kind, project, 'countdown');
    expect(after !== before).toBe(changes);
  });
});

test('a process keeps the version that it started with', async () => {
  const { codeVersion: kept } = await import('../../store/code-version.ts');
  const before = kept('search', project, 'countdown');
  put(project, 'stages/search/program.ts', 'const changed = 1;');
  expect(kept('search', project, 'countdown')).toBe(before);
});

test('this project has a version for every kind, which does not depend on where it lies', async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  expect(await codeVersion('search', root, 'countdown')).toMatch(/^[0-9a-f]{64}$/);
  expect(await codeVersion('search', root, 'countdown')).toBe(
    await codeVersion('search', root.slice(0, -1), 'countdown'),
  );
});
