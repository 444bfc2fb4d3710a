import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { codeVersion, sourcesOf } from '../../store/index.ts';
import { aFolder, put } from './support.ts';

let project: string;
beforeEach(() => {
  project = aFolder();
  put(project, 'spec/index.ts', 'export const spec = 1;');
  put(project, 'stages/main.ts', "const program = () => import('./search/program.ts');");
  put(project, 'stages/shared.ts', "import { spec } from '../spec/index.ts';");
  put(project, 'stages/search/program.ts', "import { a } from '../shared.ts';");
  put(project, 'stages/search/README.md', 'words');
  put(project, 'stages/rewrite/program.ts', 'export const rewrite = 1;');
  put(project, 'domains/countdown/domain.ts', 'export const domain = 1;');
  put(project, 'domains/countdown/phrases.json', '{}');
  put(project, 'domains/math/domain.ts', 'export const domain = 1;');
  put(project, 'trainers/orrery_trainers/sft.py', 'pass');
  put(project, 'trainers/orrery_trainers/verifier.py', 'from orrery_trainers.pool import Pool');
  put(project, 'trainers/orrery_trainers/pool.py', '    from .work import run');
  put(project, 'trainers/orrery_trainers/work.py', 'pass');
  put(project, 'trainers/orrery_trainers/metrics.py', 'pass');
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
  { kind: 'search', path: 'trainers/orrery_trainers/work.py', changes: true },
  { kind: 'search', path: 'trainers/orrery_trainers/metrics.py', changes: false },
  { kind: 'sft', path: 'trainers/orrery_trainers/metrics.py', changes: true },
  { kind: 'search', path: 'trainers/requirements.txt', changes: true },
  { kind: 'search', path: 'trainers/orrery_trainers/sft.py', changes: false },
  { kind: 'search', path: 'stages/rewrite/program.ts', changes: false },
  { kind: 'search', path: 'stages/search/README.md', changes: false },
  { kind: 'search', path: 'domains/countdown/prompts/solve.md', changes: true },
  { kind: 'search', path: 'domains/math/domain.ts', changes: false },
  { kind: 'sft', path: 'trainers/orrery_trainers/sft.py', changes: true },
  { kind: 'sft', path: 'domains/countdown/domain.py', changes: true },
  { kind: 'sft', path: 'domains/countdown/domain.ts', changes: false },
  { kind: 'sft', path: 'stages/shared.ts', changes: false },
  { kind: 'sft', path: 'trainers/orrery_trainers/tests/test_sft.py', changes: false },
] as const)('the code version of $kind', ({ kind, path, changes }) => {
  it(`${changes ? 'changes' : 'stays'} with ${path}`, () => {
    const before = codeVersion(kind, project, 'countdown');
    put(project, path, 'const changed = 1;');
    const after = codeVersion(kind, project, 'countdown');
    expect(after !== before).toBe(changes);
  });
});

test('a source that is put back as it was has its old version again', () => {
  const before = codeVersion('search', project, 'countdown');
  put(project, 'stages/search/program.ts', 'const changed = 1;');
  expect(codeVersion('search', project, 'countdown')).not.toBe(before);
  put(project, 'stages/search/program.ts', "import { a } from '../shared.ts';");
  expect(codeVersion('search', project, 'countdown')).toBe(before);
});

test('of Python only what the served programs import counts for a search', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const sources = (kind: 'search' | 'rl') =>
    sourcesOf(kind, root, `${root}domains/countdown`)
      .filter((path) => path.endsWith('.py'))
      .map((path) => basename(path));
  expect(sources('search')).toEqual(
    expect.arrayContaining(['verdict_worker.py', 'engine.py', 'transformers_model.py', 'domain.py']),
  );
  for (const name of ['metrics.py', 'rollouts.py', 'training.py', 'callbacks.py', 'rl.py']) {
    expect(sources('search')).not.toContain(name);
    expect(sources('rl')).toContain(name);
  }
});

test('this project has a version for every kind, which does not depend on where it lies', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  expect(codeVersion('search', root, 'countdown')).toMatch(/^[0-9a-f]{64}$/);
  expect(codeVersion('search', root, 'countdown')).toBe(codeVersion('search', root.slice(0, -1), 'countdown'));
});
