import { execFileSync } from 'node:child_process';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { findInPython } from '../../store/code/python.ts';
import { type Loading, sourcesOf } from '../../store/code/sources.ts';
import { findInTypeScript } from '../../store/code/typescript.ts';
import { sourcesOfStage } from '../../store/code-version.ts';
import { versionOf } from '../../store/sources.ts';
import { aFolder, put } from './support.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NODE = { runtime: 'node', args: ['stages/main.ts'] } as const;
const python = (module: string) => ({ runtime: 'python', args: ['-m', `orrery_trainers.${module}`] }) as const;

const MODULES = 'node_modules';

/** An expression within a template of the sources below. */
const NAME = '$'.concat('{name}');

let project: string;
const inProject = (changes: Partial<Loading> = {}): Loading => ({
  kind: 'search',
  domain: 'countdown',
  projectRoot: project,
  domains: join(project, 'domains'),
  ...changes,
});
const names = (changes: Partial<Loading> = {}, program: typeof NODE | ReturnType<typeof python> = NODE) =>
  [...sourcesOf(program, inProject(changes)).keys()].toSorted();
const codeVersion = (loading: Parameters<typeof sourcesOfStage>[1]) =>
  versionOf(sourcesOfStage({ main: NODE, policyServer: null }, loading));
/** What a stage loads when its entry is this text; the entry left out. */
const loadedBy = (text: string) => {
  put(project, 'stages/main.ts', text);
  return names().filter((name) => name !== 'stages/main.ts');
};
/** What a trainer loads when its module is this text; it, its package and the requirements left out. */
const loadedByPython = (text: string, module = 'training.sft') => {
  put(project, `trainers/orrery_trainers/${module.replaceAll('.', '/')}.py`, text);
  const own = new Set(['trainers/orrery_trainers/__init__.py', 'trainers/orrery_trainers/training/__init__.py']);
  own.add(`trainers/orrery_trainers/${module.replaceAll('.', '/')}.py`);
  own.add('trainers/requirements.txt');
  return names({}, python(module))
    .filter((name) => !own.has(name))
    .map((name) => name.replace('trainers/orrery_trainers/', ''));
};

/** Installs a package of this `package.json`. */
const install = (name: string, facts: object) =>
  put(project, `${MODULES}/${name}/package.json`, JSON.stringify({ name, ...facts }));

beforeEach(() => {
  project = aFolder();
  put(project, 'stages/a.ts', 'export const a = 1;');
  put(project, 'stages/b.ts', "export * from './deep/c.ts';");
  put(project, 'stages/deep/c.ts', 'export const c = 1;');
  put(project, 'stages/table.json', '{}');
  put(project, 'stages/prompts/one.md', 'one');
  put(project, 'stages/prompts/more/two.md', 'two');
  put(project, 'stages/prompts/README.md', 'words');
  put(project, 'stages/search/program.ts', "import '../a.ts';");
  put(project, 'stages/rewrite/program.ts', 'export const rewrite = 1;');
  put(project, 'domains/countdown/domain.ts', 'export const domain = 1;');
  put(project, 'domains/math/domain.ts', 'export const domain = 1;');
  install('small', { version: '1.0.0' });
  install('other', { version: '1.0.0' });
  // Optional dependencies are not installed here.
  install('@scope/large', {
    version: '2.0.0',
    dependencies: { small: '^1.0.0', nested: '3', 'binary-linux': '1' },
    optionalDependencies: { 'binary-linux': '1' },
  });
  install('@scope/large/node_modules/nested', { version: '3.0.0' });
  const trainers = 'trainers/orrery_trainers';
  for (const folder of ['', 'training/', 'checkpoints/', 'deep/', 'deep/er/']) {
    put(project, `${trainers}/${folder}__init__.py`, '');
  }
  put(project, `${trainers}/files.py`, 'pass');
  put(project, `${trainers}/training/loop.py`, 'pass');
  put(project, `${trainers}/checkpoints/marker.py`, 'from .. import files');
  put(project, `${trainers}/deep/er/module.py`, 'pass');
  put(project, `${trainers}/verifier.py`, 'from orrery_trainers.files import fsync');
  put(project, 'trainers/requirements.txt', 'torch');
});

describe('of TypeScript', () => {
  it.each([
    ["import { a } from './a.ts';", ['stages/a.ts']],
    ['import { a } from "./a.ts";', ['stages/a.ts']],
    ["import {\n  a, // from './b.ts'\n  c,\n} from './a.ts';", ['stages/a.ts']],
    ["import './a.ts';", ['stages/a.ts']],
    ["import { type A } from './a.ts';", ['stages/a.ts']],
    ["import './b.ts';", ['stages/b.ts', 'stages/deep/c.ts']],
    ["export { c } from './b.ts';", ['stages/b.ts', 'stages/deep/c.ts']],
    ["export * as b from './deep/c.ts';", ['stages/deep/c.ts']],
    ["import table from './table.json' with { type: 'json' };", ['stages/table.json']],
    ["const later = async () => await import('./a.ts');", ['stages/a.ts']],
    ['const later = () => import(`./a.ts`);', ['stages/a.ts']],
    ["const text = read(new URL('./prompts/one.md', import.meta.url));", ['stages/prompts/one.md']],
    [
      `const text = (name: string) => read(new URL(\`./prompts/${NAME}.md\`, import.meta.url));`,
      ['stages/prompts/more/two.md', 'stages/prompts/one.md'],
    ],
    ["const path = import.meta.resolve('./a.ts');", ['stages/a.ts']],
    ['const isProgram = import.meta.main;', []],
    ["import type { A } from './a.ts';", []],
    ["export type { A } from './a.ts';", []],
    ["type A = import('./a.ts').A; const a = 1 as unknown as A;", []],
    ["// import './a.ts';\nconst text = \"import './a.ts'\";", []],
    ["import fs from 'node:fs'; import 'fs'; import 'node:fs/promises';", []],
    ["import type { Z } from 'small';", []],
    ["import { z } from 'small';", [`${MODULES}/small/package.json`]],
    ["import { deep } from 'small/deep/file.js';", [`${MODULES}/small/package.json`]],
    [
      "const later = () => import('@scope/large/deep');",
      [
        `${MODULES}/@scope/large/node_modules/nested/package.json`,
        `${MODULES}/@scope/large/package.json`,
        `${MODULES}/small/package.json`,
      ],
    ],
    [
      "// ä 🎂\n// @loads stages/{kind}/program.ts\nconst table = { a: () => import('./b.ts') };",
      ['stages/a.ts', 'stages/search/program.ts'],
    ],
    ['// @loads nothing\nconst at = import.meta.dirname;', []],
    ['// @loads stages/prompts/one.md, stages/missing.md?\nconst at = import.meta.dirname;', ['stages/prompts/one.md']],
    [
      "const command = ['-m', 'orrery_trainers.verifier'];",
      [
        'trainers/orrery_trainers/__init__.py',
        'trainers/orrery_trainers/files.py',
        'trainers/orrery_trainers/verifier.py',
        'trainers/requirements.txt',
      ],
    ],
  ])('%j loads %j', (text, expected) => {
    expect(loadedBy(text)).toEqual(expected);
  });

  it.each([
    ['const later = (name: string) => import(name);', 'line 1: an import of a module whose name is no literal'],
    [`const later = (name: string) => import(\`./${NAME}.ts\`);`, 'an import of a module whose name is no literal'],
    ["\n\nconst require = createRequire('x');", 'line 3: createRequire'],
    ['const at = import.meta.dirname;', 'import.meta outside'],
    ['const at = fileURLToPath(import.meta.url);', 'import.meta outside'],
    ['const file = (name: string) => new URL(name, import.meta.url);', 'a file whose folder is computed'],
    ["const file = new URL('./prompts', import.meta.url);", 'names the folder'],
    ["import './missing.ts';", 'missing.ts, which is not there'],
    ["import 'missing';", 'imports missing, which is not installed: run npm ci'],
    ["import 'https://example.org/a.js';", 'expected a path (./…) or the name of a package'],
    ["import 'data:text/javascript,';", 'expected a path (./…) or the name of a package'],
    ["import '/a.ts';", 'expected a path (./…) or the name of a package'],
    ["import '#inside';", 'names of package.json are not followed'],
    [`const kind = \`orrery_trainers.${NAME}\`;`, 'a program whose name is put together'],
    ["const command = ['-m', 'orrery_trainers.missing'];", 'orrery_trainers.missing: it is not there'],
    ['// @loads stages/missing.ts\nconst at = import.meta.dirname;', 'missing.ts, which is not there'],
    ['const a = 1;\n// @loads nothing\n', 'line 3: no statement stands below @loads'],
    ["// @loads nothing\nimport './a.ts';", 'line 2: @loads stands above an import, which is followed'],
    ['const = 1;', 'stages/main.ts: '],
  ])('%j is an error', (text, words) => {
    expect(() => loadedBy(text)).toThrow(words);
  });
});

describe('of Python', () => {
  it.each([
    ['from .loop import run', ['training/loop.py']],
    ['from . import loop', ['training/loop.py']],
    ['from . import (  # more\n    loop as other,\n)', ['training/loop.py']],
    ['from ..files import fsync', ['files.py']],
    ['from .. import files', ['files.py']],
    ['from ..checkpoints import marker', ['checkpoints/__init__.py', 'checkpoints/marker.py', 'files.py']],
    ['from ..checkpoints.marker import Marker', ['checkpoints/__init__.py', 'checkpoints/marker.py', 'files.py']],
    ['import orrery_trainers.deep.er.module as c', ['deep/__init__.py', 'deep/er/__init__.py', 'deep/er/module.py']],
    ['import os, orrery_trainers.files as f', ['files.py']],
    ['from orrery_trainers.deep.er import module', ['deep/__init__.py', 'deep/er/__init__.py', 'deep/er/module.py']],
    ['from orrery_trainers.deep import Nothing', ['deep/__init__.py']],
    ['from \\\n    .loop \\\n    import run', ['training/loop.py']],
    ['def later():\n    if True: from .loop import run; return run', ['training/loop.py']],
    ['try:\n\timport orrery_trainers.files\nexcept ImportError:\n\tpass', ['files.py']],
    ['if TYPE_CHECKING:\n    from .loop import run\nelse:\n    from .. import files', ['files.py']],
    ['if typing.TYPE_CHECKING: from .loop import run\nx = 1', []],
    ['"""\nfrom .loop import run\n"""\n# from .loop import run', []],
    ['x = f"from {1}"\ny = r"\\"  # "\nz = """ \\""" from .loop import run"""', []],
    ['def f():\n    yield from g()\n    raise ValueError from None', []],
    ['import numpy as np\nfrom torch import nn', []],
    ['command = [sys.executable, "-m", "orrery_trainers.verifier"]', ['files.py', 'verifier.py']],
    ['model.eval()\nre.compile("a").exec', []],
    ['# @loads stages/table.json\nTABLE = Path(__file__).parents[2]', ['stages/table.json']],
    [
      '# @loads trainers/orrery_trainers/training/loop.py\ndef load(name):\n    return importlib.import_module(name)',
      ['training/loop.py'],
    ],
  ])('%j loads %j', (text, expected) => {
    expect(loadedByPython(text)).toEqual(expected);
  });

  it.each([
    ['import importlib\n\nm = importlib.import_module("x")', 'line 3: importlib'],
    ['from importlib import import_module', 'line 1: from importlib'],
    ['from importlib import import_module as f; from .loop import x', 'line 1: from importlib'],
    ['m = __import__("x")', '__import__'],
    ['here = Path(__file__).parent', '__file__'],
    ['here = f"{__file__}/x"', '__file__'],
    ['exec(text)', 'exec'],
    ['sys.path.append("x")', 'path'],
    ['name = f"orrery_trainers.{kind}"', 'a program whose name is put together'],
    ['from ..deep import *', 'imports all of ..deep'],
    ['from .missing import x', 'orrery_trainers.training.missing: it is not there'],
    ['import orrery_trainers.missing', 'it is not there'],
    ['from .... import x', 'there is no such package'],
    ['x = """ never ends', 'line 1: expected Python, but a string does not end'],
    ['x = (1, 2', '"(" is never closed'],
    ['x = 1 $ 2', '"$" is none'],
    ['# @loads nothing\ndef f():\n    pass\nhere = __file__', 'line 4: __file__'],
  ])('%j is an error', (text, words) => {
    expect(() => loadedByPython(text)).toThrow(words);
  });

  it('finds what Python itself finds, in all of this project and much of the standard library', () => {
    const script = `
import ast, json, sys
def found(tree):
    imports = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            imports |= {f"{module} {alias.name}" for alias in node.names}
    return sorted(imports)
import glob, os, warnings
warnings.simplefilter("ignore")
library = os.path.dirname(os.__file__)
patterns = [f"{library}/[a-f]*.py", f"{library}/asyncio/*.py", f"{library}/importlib/*.py"]
files = [file for pattern in [*sys.argv[1:], *patterns] for file in glob.glob(pattern, recursive=True)]
for file in files:
    print(json.dumps([file, found(ast.parse(open(file, encoding="utf-8").read()))]))
`;
    const out = execFileSync(
      `${ROOT}.venv/bin/python`,
      ['-c', script, `${ROOT}trainers/**/*.py`, `${ROOT}domains/**/*.py`],
      {
        maxBuffer: 1 << 26,
        encoding: 'utf8',
      },
    );
    const files = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, string[]]);
    expect(files.length).toBeGreaterThan(200);
    // Loaders of modules are no imports here: they are looked for by name.
    const isLoader = (name: string) => /^(?:importlib|imp|runpy|pkgutil|zipimport)\b/.test(name);
    const wrong = files.filter(([file, expected]) => {
      const { imports, members } = findInPython(readFileSync(file, 'utf8'));
      const froms = new Set(members.map(({ module }) => module));
      const named = [...members.map(({ module, name }) => `${module} ${name}`), ...imports];
      const ours = new Set(named.filter((name) => !froms.has(name)));
      const theirs = expected.filter((name) => !isLoader(name) && !froms.has(name));
      return theirs.join() !== [...ours].toSorted().join();
    });
    expect(wrong).toEqual([]);
  });
});

test('a source that is put back as it was has its old version again', () => {
  put(project, 'stages/main.ts', "import './a.ts';");
  const before = codeVersion(inProject());
  put(project, 'stages/a.ts', 'const changed = 1;');
  expect(codeVersion(inProject())).not.toBe(before);
  put(project, 'stages/a.ts', 'export const a = 1;');
  expect(codeVersion(inProject())).toBe(before);
});

test('another version of a package counts where it is loaded, directly or not, and nowhere else', () => {
  put(project, 'stages/main.ts', "import { large } from '@scope/large';");
  const before = codeVersion(inProject());
  install('other', { version: '1.0.1' });
  expect(codeVersion(inProject())).toBe(before);
  install('small', { version: '1.0.1' });
  const after = codeVersion(inProject());
  expect(after).not.toBe(before);
  install('@scope/large/node_modules/nested', { version: '3.0.1' });
  expect(codeVersion(inProject())).not.toBe(after);
});

test('a domain that loads what cannot be followed counts with all of its folder', () => {
  put(project, 'stages/main.ts', '// @loads domains/{domain}/domain.ts\nconst load = (name: string) => import(name);');
  put(project, 'domains/countdown/domain.ts', 'const at = import.meta.dirname;');
  put(project, 'domains/countdown/words.txt', 'words');
  expect(names()).toEqual(['domains/countdown/domain.ts', 'domains/countdown/words.txt', 'stages/main.ts']);
});

test('domains have the same names wherever their folder lies', () => {
  const elsewhere = aFolder();
  put(project, 'stages/main.ts', '// @loads domains/{domain}/domain.ts\nconst load = (name: string) => import(name);');
  put(elsewhere, 'countdown/domain.ts', "import '../shared.ts';");
  put(elsewhere, 'shared.ts', 'export const shared = 1;');
  const expected = ['ORRERY_DOMAINS/shared.ts', 'domains/countdown/domain.ts', 'stages/main.ts'];
  expect(names({ domains: elsewhere })).toEqual(expected);
});

test('what a program imports from outside of the project is named from where the importer is', () => {
  const [elsewhere, root] = [aFolder(), join(project, 'root')];
  put(
    root,
    'stages/main.ts',
    "import '../../stages/a.ts';\n// @loads domains/{domain}/domain.ts\nconst at = import.meta.dirname;",
  );
  put(elsewhere, 'domains/countdown/domain.ts', "import '../../shared.ts';");
  put(elsewhere, 'shared.ts', 'export const shared = 1;');
  const expected = ['../stages/a.ts', 'ORRERY_DOMAINS/../shared.ts', 'domains/countdown/domain.ts', 'stages/main.ts'];
  expect(names({ projectRoot: root, domains: join(elsewhere, 'domains') })).toEqual(expected);
});

test('every TypeScript and Python file of the programs can be read, and says what it loads', () => {
  const followed = globSync(
    ['{stages,store,spec,inputs,domains}/**/*.ts', '{trainers/orrery_trainers,domains}/**/*.py'],
    { cwd: ROOT },
  );
  for (const file of followed) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const { unfollowed } = file.endsWith('.py') ? findInPython(text) : findInTypeScript(text);
    expect([file, unfollowed]).toEqual([file, []]);
  }
});

test('a version does not depend on where the project lies', () => {
  const loading = { kind: 'search', domain: 'countdown' } as const;
  expect(codeVersion({ ...loading, projectRoot: ROOT })).toMatch(/^[0-9a-f]{64}$/);
  expect(codeVersion({ ...loading, projectRoot: ROOT })).toBe(
    codeVersion({ ...loading, projectRoot: ROOT.slice(0, -1) }),
  );
});

test('a source that is gone is an error and no other version', () => {
  put(project, 'stages/main.ts', "import './a.ts';");
  codeVersion(inProject());
  rmSync(join(project, 'stages/a.ts'));
  expect(() => codeVersion(inProject())).toThrow('a.ts, which is not there');
});
