import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, expect, test } from 'vitest';
import { sourcesOf, wallFaults } from '../../lint/check.ts';
import { circles } from '../../lint/circles.ts';
import { type Packages, type Wall, walls } from '../../lint/table.ts';

const PACKAGES: Packages = { zod: 'parses' };
const row = (change: Partial<Wall> = {}): Wall => ({ holds: 'something', imports: {}, packages: [], ...change });
const TABLE = walls({
  low: row({ packages: ['zod'] }),
  high: row({ imports: { low: 'reads it' } }),
});
const SOUND = { 'low/a.ts': "import 'zod';", 'high/a.ts': "import { a } from '../low/a.ts';" };
const faults = (change: Readonly<Record<string, string | undefined>>, table = TABLE, packages = PACKAGES): string[] =>
  wallFaults(table, packages, new Map(Object.entries({ ...SOUND, ...change }) as [string, string][]));

test('a project that keeps to its table has no faults', () => {
  expect(faults({})).toEqual([]);
});

test.each([
  {
    name: 'an import that the table does not allow is told with its line',
    files: { 'low/b.ts': "// first\n\nimport { a } from '../high/a.ts';" },
    fault: 'low/b.ts:3 imports ../high/a.ts: low/ may not import high/',
  },
  {
    name: 'a package that the row does not have is told',
    files: { 'high/b.ts': "import 'zod/mini';" },
    fault: 'high/b.ts:1 imports zod/mini: high/ may not import zod',
  },
  {
    name: 'a package that is in no table is told',
    files: { 'high/b.ts': "import '@a/b/c';" },
    fault: 'high/b.ts:1 imports @a/b/c: @a/b is not in the table of packages',
  },
  {
    name: 'a file that no row holds is told',
    files: { 'other/a.ts': 'export {};' },
    fault: 'other/a.ts belongs to no row of the table',
  },
  {
    name: 'files of one folder that import each other are told',
    files: { 'low/b.ts': "import './c.ts';", 'low/c.ts': "export * from './b.ts';" },
    fault: 'files import each other: low/b.ts -> low/c.ts -> low/b.ts',
  },
  {
    name: 'files that import types of each other are told',
    files: { 'low/b.ts': "import type { C } from './c.ts';", 'low/c.ts': "export type B = import('./b.ts').B;" },
    fault: 'files import each other: low/b.ts -> low/c.ts -> low/b.ts',
  },
  {
    name: 'a file that imports itself is told',
    files: { 'low/b.ts': "import './b.ts';" },
    fault: 'files import each other: low/b.ts -> low/b.ts',
  },
])('$name', ({ files, fault }) => {
  expect(faults(files)).toEqual([fault]);
});

test.each([
  {
    name: 'an allowance that nothing uses is told',
    table: walls({ low: TABLE.low!, high: row({ imports: { low: 'reads it', idle: 'no more' } }), idle: row() }),
    files: { 'idle/a.ts': 'export {};' },
    fault: 'high/ may import idle/ and does not: remove this from the table',
  },
  {
    name: 'an allowance of values where types would do is told',
    table: TABLE,
    files: { 'high/a.ts': "import type { A } from '../low/a.ts';" },
    fault: 'high/ imports only types of low/: say so in the table',
  },
  {
    name: 'a file of an allowance that nothing imports is told',
    table: walls({ low: TABLE.low!, high: row({ imports: { low: { why: 'reads it', files: ['a.ts', 'b.ts'] } } }) }),
    files: {},
    fault: 'high/ may import b.ts of low/ and does not: remove this from the table',
  },
  {
    name: 'a public file that no other row imports is told',
    table: walls({ low: { ...TABLE.low!, publicFiles: ['a.ts', 'b.ts'] }, high: TABLE.high! }),
    files: {},
    fault: 'no other row imports the public file low/b.ts: remove it from the table',
  },
  {
    name: 'an import of a file that is not public is told',
    table: walls({ low: { ...TABLE.low!, publicFiles: ['a.ts'] }, high: TABLE.high! }),
    files: { 'high/b.ts': "import type { B } from '../low/b.ts';" },
    fault: 'high/b.ts:1 imports ../low/b.ts: high/ may import only a.ts of low/',
  },
  {
    name: 'a package that a row no longer imports is told',
    table: walls({ low: TABLE.low!, high: row({ imports: { low: 'reads it' }, packages: ['zod'] }) }),
    files: {},
    fault: 'high/ may import zod and does not: remove this from the table',
  },
  {
    name: 'a row without files is told',
    table: walls({ low: TABLE.low!, high: TABLE.high!, empty: row() }),
    files: {},
    fault: 'empty/ does not exist: remove its row',
  },
  {
    name: 'leave to compute an import that nothing uses is told',
    table: walls({ low: { ...TABLE.low!, computed: 'plugins' }, high: TABLE.high! }),
    files: {},
    fault: 'low/ computes no import: remove this from the table',
  },
])('$name', ({ table, files, fault }) => {
  expect(faults(files, table)).toEqual([fault]);
});

test('a package that nothing imports is told', () => {
  expect(faults({}, TABLE, { ...PACKAGES, yaml: 'reads YAML' })).toEqual([
    'nothing imports yaml: remove it from the table of packages',
  ]);
});

test('a file that does not parse is named, and nothing is concluded from the others', () => {
  const [first, ...others] = faults({ 'low/b.ts': 'import from from;;', 'high/b.ts': "import 'zod';" });
  expect(first).toContain('low/b.ts does not parse');
  expect(others).toEqual([]);
});

test('a table that allows a circle of folders is refused, types included', () => {
  const table = walls({
    ...TABLE,
    a: row({ imports: { b: 'x' } }),
    b: row({ imports: { c: { why: 'x', typesOnly: true } } }),
    c: row({ imports: { a: 'x' } }),
    d: row({ imports: { a: 'x' } }),
  });
  expect(faults({}, table)).toContain('the table allows a circle: a/ -> b/ -> c/ -> a/');
});

test('circles tells a shortest circle, and nothing of a graph that has none', () => {
  const diamond = [
    ['a', 'b'],
    ['a', 'c'],
    ['b', 'd'],
    ['c', 'd'],
  ] as const;
  expect(circles(diamond)).toEqual([]);
  expect(circles([...diamond, ['d', 'b'], ['b', 'a']])).toEqual([['a', 'b', 'a']]);
  expect(circles([...diamond, ['d', 'b'], ['e', 'f'], ['f', 'e']])).toEqual([
    ['b', 'd', 'b'],
    ['e', 'f', 'e'],
  ]);
});

let folder = '';
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the sources of a project are what git knows or would add, in TypeScript, JavaScript and Python', async () => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-walls-'));
  const files = [
    'a.ts',
    'b/c.mts',
    'b/d.cts',
    'b/e.js',
    'b/f.mjs',
    'b/g.cjs',
    'b/h i.ts',
    'b/i.py',
    'out/ignored.ts',
    'b/text.md',
  ];
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '');
  }
  writeFileSync(join(folder, '.gitignore'), 'out/\n');
  await execa('git', ['init', '--quiet'], { cwd: folder });
  await execa('git', ['add', 'a.ts', 'b/c.mts'], { cwd: folder });
  rmSync(join(folder, 'a.ts'));
  expect([...sourcesOf(folder).keys()].sort()).toEqual(files.slice(1, 8).sort());
});
