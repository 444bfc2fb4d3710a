import { readFileSync } from 'node:fs';
import { dirname, extname, relative } from 'node:path/posix';
import { expect, test } from 'vitest';
import { inProject, PROJECT } from '../../config/paths.ts';
import { breaches, strayFiles } from '../../lint/breaches.ts';
import { sourcesOf, wallFaults } from '../../lint/check.ts';
import { edgesOf } from '../../lint/edges.ts';
import { PACKAGES } from '../../lint/packages.ts';
import { edgesOfPython } from '../../lint/python.ts';
import type { Allowance } from '../../lint/table.ts';
import { WALLS } from '../../lint/walls.ts';

const ROWS = Object.keys(WALLS);
/** Rows of source files. */
const SOURCES = ROWS.filter((row) => row !== 'package.json');
const RESTRICTED = SOURCES.filter((row) => WALLS[row]!.packages !== 'anything');

/** Ways to import a value. */
const LOADING: readonly ((name: string) => string)[] = [
  (name) => `import { a } from '${name}';`,
  (name) => `import * as a from '${name}';`,
  (name) => `import { type A } from '${name}';`,
  (name) => `import '${name}';`,
  (name) => `export { a } from '${name}';`,
  (name) => `export * from '${name}';`,
  (name) => `const { a } = await import('${name}');`,
  (name) => `const a = require('${name}');`,
];
/** Ways to import a type. */
const TYPING: readonly ((name: string) => string)[] = [
  (name) => `import type { A } from '${name}';`,
  (name) => `export type { A } from '${name}';`,
  (name) => `export type * from '${name}';`,
  (name) => `type A = import('${name}').A;`,
];

const isFile = (row: string): boolean => extname(row) !== '';
/** A file that the row holds. */
const fileIn = (row: string, name = 'made-up.ts'): string => (isFile(row) ? row : `${row}/${name}`);
/** Files of the project, so that a made-up Python module finds what it imports. */
const PROJECT_SOURCES = sourcesOf(PROJECT);
const refusals = (file: string, code: string): string[] => breaches(WALLS, PACKAGES, edgesOf(new Map([[file, code]])));

/** One line of a made-up file, and whether the check should accept it. */
interface Line {
  readonly code: string;
  readonly isAccepted: boolean;
}

/** All ways to import one name: those that load it, and those for its types. */
const lines = (name: string, isLoadable: boolean, isNameable: boolean): Line[] => [
  ...LOADING.map((way) => ({ code: way(name), isAccepted: isLoadable })),
  ...TYPING.map((way) => ({ code: way(name), isAccepted: isNameable })),
];

/** Lines of a made-up file in the row on which the check says something else than expected. */
function misjudged(row: string, expected: readonly Line[]): string[] {
  const refused = new Set(refusals(fileIn(row), expected.map(({ code }) => code).join('\n')).map(lineOf));
  return expected
    .filter(({ isAccepted }, index) => refused.has(index + 1) === isAccepted)
    .map(({ code, isAccepted }) => `${isAccepted ? 'refused' : 'accepted'}: ${code}`);
}

const lineOf = (refusal: string): number => Number(/^\S+?:(\d+) /.exec(refusal)![1]);

const specifier = (row: string, to: string): string => {
  const path = relative(dirname(fileIn(row)), to);
  return path.startsWith('.') ? path : `./${path}`;
};

/** Every way to import every other row, with what the table says of it. */
function linesToOthers(row: string): Line[] {
  const { imports } = WALLS[row]!;
  return ROWS.filter((other) => other !== row).flatMap((other) => {
    const given: string | Allowance | undefined = imports === 'anything' ? 'anything' : imports[other];
    const { typesOnly = false, files = undefined } = typeof given === 'object' ? given : {};
    const open = imports === 'anything' ? undefined : (files ?? WALLS[other]!.publicFiles);
    const linesTo = (name?: string, isAllowed = given !== undefined): Line[] =>
      lines(specifier(row, fileIn(other, name)), isAllowed && !typesOnly, isAllowed);
    return open === undefined ? linesTo() : [...linesTo('made-up.ts', false), ...open.flatMap((file) => linesTo(file))];
  });
}

test('the walls of this project hold', () => {
  expect(wallFaults(WALLS, PACKAGES, sourcesOf(PROJECT))).toEqual([]);
});

test.each(SOURCES)('%s imports of each other row what the table allows, and nothing else', (row) => {
  const expected = linesToOthers(row);
  expect(expected.length).toBeGreaterThan(11 * (ROWS.length - 1));
  expect(misjudged(row, expected)).toEqual([]);
});

test.each(RESTRICTED)('%s imports the packages of its row, and no others', (row) => {
  const { packages, packageTypes = [] } = WALLS[row]!;
  const expected = Object.keys(PACKAGES).flatMap((name) => {
    const asked = name.startsWith('node:')
      ? [name, name.slice('node:'.length), `${name}/promises`]
      : [name, `${name}/deep.js`];
    const isLoadable = packages.includes(name);
    return asked.flatMap((one) => lines(one, isLoadable, isLoadable || packageTypes.includes(name)));
  });
  expect(misjudged(row, expected)).toEqual([]);
});

test.each(SOURCES)(
  '%s imports itself, but no unknown package, no absolute path and nothing outside of the rows',
  (row) => {
    const foreign = [
      'node:sqlite',
      'vm',
      'left-pad',
      '@temporalio/none',
      '/etc/passwd',
      'file:///etc/x.ts',
      '#inside',
      'https://a.example/x.ts',
    ];
    const outside = ['../outside.ts', 'node_modules/zod/index.js', 'new-folder/a.ts', 'loose.ts', '.hidden/a.ts'];
    const expected = [...foreign, ...outside.map((path) => specifier(row, path))].flatMap((name) =>
      lines(name, false, false),
    );
    expect(misjudged(row, [...expected, ...(isFile(row) ? [] : lines('./other.ts', true, true))])).toEqual([]);
  },
);

const PYTHON = 'trainers/orrery_trainers';
const PYTHON_ROWS = ROWS.filter((row) => row.startsWith(`${PYTHON}/`));

/** Ways of Python to import a module and its members; all of them need leave. */
const PYTHON_WAYS: readonly ((module: string) => string)[] = [
  (module) => `from ${module} import anything`,
  (module) => `import ${module} as other`,
  (module) => `def f():\n    from ${module} import anything`,
  (module) => `if TYPE_CHECKING:\n    from ${module} import anything`,
  (module) => `from ${module} import (  # more\n    anything as other,\n)`,
];
const pythonRefusals = (row: string, code: string): string[] => {
  const file = `${row}/made_up.py`;
  return breaches(WALLS, PACKAGES, edgesOfPython(file, code, PROJECT_SOURCES));
};

test.each([...PYTHON_ROWS, 'domains/math'])(
  '%s imports of the Python packages what the table allows',
  (row) => {
    for (const other of PYTHON_ROWS) {
      const isAllowed = other === row || Object.hasOwn(WALLS[row]!.imports as object, other);
      const name = `orrery_trainers.${other.slice(PYTHON.length + 1)}`;
      const inside = [...PROJECT_SOURCES.keys()].find(
        (file) => file.startsWith(`${other}/`) && !file.includes('__init__'),
      )!;
      const codes = [
        `from orrery_trainers import ${other.slice(PYTHON.length + 1)}`,
        `from ..${other.slice(PYTHON.length + 1)} import anything`,
        ...PYTHON_WAYS.flatMap((way) => [way(name), way(`${name}.${inside.slice(other.length + 1, -'.py'.length)}`)]),
      ];
      for (const code of codes) {
        if (row === 'domains/math' && code.startsWith('from ..')) continue; // no package of ours is above a domain
        expect(pythonRefusals(row, code).length > 0, `${row}: ${code}`).toBe(!isAllowed);
      }
    }
  },
  60_000,
);

test.each(PYTHON_ROWS)(
  '%s imports the packages of its row and the standard library, and nothing else',
  (row) => {
    const { packages } = WALLS[row]!;
    for (const name of Object.keys(PACKAGES).filter((one) => one.startsWith('python:'))) {
      const module = name.slice('python:'.length);
      for (const way of PYTHON_WAYS) {
        const isAllowed = packages.includes(name);
        expect(pythonRefusals(row, way(`${module}.deep`)).length > 0, `${row}: ${way(module)}`).toBe(!isAllowed);
      }
    }
    expect(pythonRefusals(row, 'import os.path, json')).toEqual([]);
    expect(pythonRefusals(row, 'import left_pad')).toHaveLength(1);
    expect(pythonRefusals(row, 'import orrery_trainers.missing')).toHaveLength(1);
    expect(pythonRefusals(row, 'from ....... import outside')).toHaveLength(1);
    expect(pythonRefusals(row, 'import importlib')).toHaveLength(WALLS[row]!.computed === undefined ? 1 : 0);
  },
  60_000,
);

test('a file in a folder that has no row is refused', () => {
  expect(strayFiles(WALLS, ['new-folder/a.ts'])).toEqual(['new-folder/a.ts belongs to no row of the table']);
});

test('a new folder is part of the row above it, unless that row is flat', () => {
  const folders = ROWS.filter((row) => !isFile(row));
  const strays = strayFiles(
    WALLS,
    folders.map((row) => `${row}/new-folder/a.ts`),
  );
  const flat = folders.filter((row) => WALLS[row]!.flat);
  expect(flat).toEqual(expect.arrayContaining(['k8s', 'stages', 'domains', 'dev']));
  expect(strays).toEqual(flat.map((row) => `${row}/new-folder/a.ts belongs to no row of the table`));
});

test('a loose file in the root is refused, but for a short list', () => {
  expect(ROWS.filter((row) => isFile(row) && !row.includes('/'))).toEqual([
    'worker.ts',
    'package.json',
    'vitest.config.ts',
  ]);
  expect(strayFiles(WALLS, ['loose.ts', 'worker.js', 'constructor'])).toHaveLength(3);
});

test('a name that is computed is refused where the table does not say why', () => {
  for (const row of SOURCES) {
    for (const code of ['await import(name);', 'require(`./` + name);', "import.meta.resolve('./' + name);"]) {
      expect(refusals(fileIn(row), code), `${row}: ${code}`).toHaveLength(WALLS[row]!.computed === undefined ? 1 : 0);
    }
  }
});

/** Walls that no change of the table may take down unseen. */
test.each([
  ['spec', 'pino', 'values'],
  ['workflows', 'node:fs', 'values'],
  ['workflows', 'node:fs', 'values and types'],
  ['workflows', 'activities', 'values'],
  ['planner', 'node:fs', 'values'],
  ['planner', 'store', 'values'],
  ['store', 'dev', 'values and types'],
  ['store', 'planner', 'values and types'],
  ['store', 'reconciler', 'values and types'],
  ['store', '@kubernetes/client-node', 'values and types'],
  ['store', '@temporalio/client', 'values and types'],
  ['stages/search', 'dev/soak', 'values and types'],
  ['stages/search', 'node:fs', 'values and types'],
  ['stages/linearise', 'node:fs', 'values and types'],
  ['report', 'node:fs', 'values and types'],
  ['report', 'stages/io', 'values and types'],
  ['k8s/manifests', 'node:fs', 'values and types'],
  ['stages/search', '@temporalio/client', 'values and types'],
  ['stages/runtime', 'activities', 'values and types'],
  ['k8s', '@temporalio/client', 'values and types'],
  ['k8s/manifests', 'k8s/api', 'values and types'],
  ['k8s/status', 'k8s/api', 'values and types'],
  ['local', '@kubernetes/client-node', 'values and types'],
  ['reconciler', 'local', 'values and types'],
  ['domains/math', 'store', 'values and types'],
  ['dev/soak', 'local', 'values and types'],
  ['dev/soak/checker', 'spec', 'values and types'],
  ['dev/soak/checker', 'store', 'values and types'],
  ['dev/soak/checker', 'dev/soak', 'values and types'],
  ['cli', '@kubernetes/client-node', 'values and types'],
  ['cli', 'activities', 'values'],
])('%s never imports %s: %s', (row, other, how) => {
  const name = other in WALLS ? specifier(row, fileIn(other)) : other;
  const ways = how === 'values' ? LOADING : [...LOADING, ...TYPING];
  expect(
    misjudged(
      row,
      ways.map((way) => ({ code: way(name), isAccepted: false })),
    ),
  ).toEqual([]);
});

test('every package of the table is one that package.json or a requirements.txt names', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'));
  const pinned = ['trainers', 'bench'].map((folder) => readFileSync(inProject(folder, 'requirements.txt'), 'utf8'));
  const ofPython = [...pinned.join('\n').matchAll(/^([\w-]+)==/gm)].map(
    ([, name]) => `python:${name!.replaceAll('-', '_')}`,
  );
  const named = new Set([...Object.keys({ ...dependencies, ...devDependencies }), ...ofPython]);
  expect(Object.keys(PACKAGES).filter((name) => !name.startsWith('node:') && !named.has(name))).toEqual([]);
});

test('every file that one row alone may import is a public one', () => {
  const named = Object.values(WALLS).flatMap(({ imports }) =>
    Object.entries(imports === 'anything' ? {} : imports).flatMap(([other, given]) => {
      const { publicFiles } = WALLS[other]!;
      const files = typeof given === 'object' ? (given.files ?? []) : [];
      return publicFiles === undefined ? [] : files.filter((file) => !publicFiles.includes(file));
    }),
  );
  expect(named).toEqual([]);
});

test('every allowance has a reason in a few words', () => {
  const reasons = Object.values(WALLS).flatMap(({ holds, imports }) => [
    holds,
    ...Object.values(imports === 'anything' ? {} : imports).map((one) => (typeof one === 'string' ? one : one!.why)),
  ]);
  expect(
    [...reasons, ...Object.values(PACKAGES)].filter(
      (why) => why.trim().length < 4 || why.includes('|') || why.includes('\n'),
    ),
  ).toEqual([]);
});

test('the compiler reads every folder of the table that holds TypeScript', () => {
  const { include } = JSON.parse(readFileSync(inProject('tsconfig.json'), 'utf8')) as { include: string[] };
  const folders = ROWS.filter((row) => !isFile(row) && !row.startsWith('trainers/')).map((row) => row.split('/')[0]!);
  expect([...new Set(folders)].filter((folder) => !include.includes(folder))).toEqual([]);
});
