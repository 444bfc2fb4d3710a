import { expect, test } from 'vitest';
import { importsOf } from '../../lint/imports.ts';

const shown = (path: string, source: string): string[] =>
  importsOf(path, source).map(
    ({ specifier, typesOnly, line }) => `${line} ${typesOnly ? 'type' : 'value'} ${specifier}`,
  );

test.each([
  ["import a from 'x';", 'value x'],
  ["import a, { b } from 'x';", 'value x'],
  ["import {} from 'x';", 'value x'],
  ["import 'x';", 'value x'],
  ["import json from './x.json' with { type: 'json' };", 'value ./x.json'],
  ["import { type A } from 'x';", 'value x'],
  ["import type A from 'x';", 'type x'],
  ["import type { A } from 'x';", 'type x'],
  ["export { a } from 'x';", 'value x'],
  ["export * as a from 'x';", 'value x'],
  ["export type { A } from 'x';", 'type x'],
  ["export type * from 'x';", 'type x'],
  ["import a = require('x');", 'value x'],
  ["import type A = require('x');", 'type x'],
  ["export import a = require('x');", 'value x'],
  ["const a = () => import('x');", 'value x'],
  ['const a = await import(`x`);', 'value x'],
  ['await import(/* quietly */ `x` + 1);', 'value null'],
  ["const a = require('x');", 'value x'],
  ["require.resolve('x');", 'value x'],
  ["import.meta.resolve('x');", 'value x'],
  ["createRequire(import.meta.url)('x');", 'value x'],
  ["createRequire(import.meta.url).resolve('x');", 'value x'],
  ["process.getBuiltinModule('node:fs');", 'value node:fs'],
  ["type A = import('x').A;", 'type x'],
  ["const a = f<typeof import('x')>();", 'type x'],
  ["declare module 'x' { interface A {} }", 'type x'],
  ["import 'n\\u006fde:fs';", 'value node:fs'],
  ["await using a = await import('x');", 'value x'],
  ["const require = createRequire(import.meta.url); require('x');", 'value x'],
  ["new Worker(new URL('./x.ts', import.meta.url));", 'value ./x.ts'],
  ["start(new URL('x.py', import.meta.url));", 'value ./x.py'],
  ['start(new URL(`../x.mjs`, import.meta.url));', 'value ../x.mjs'],
  ['start(new URL(name, import.meta.url));', 'value null'],
  [`start(new URL(\`./\${name}\`, import.meta.url));`, 'value null'],
  [`start(new URL(\`./\${name}.ts\`, import.meta.url));`, 'value null'],
  ["/** @import { A } from 'x' */", 'type x'],
  ["/** @import * as A from 'x' */", 'type x'],
  ["/** @type {import('x').A} */ let a;", 'type x'],
  ["/** @param {Map<string, import('x').A>} a */ function f(a) {}", 'type x'],
  ["const load = require; load('x');", 'value null'],
  ['const loaders = { load: require };', 'value null'],
  ['start(require);', 'value null'],
  ['const load = () => require;', 'value null'],
  ['let load; load = require.resolve;', 'value null'],
  ['export const load = createRequire(import.meta.url);', 'value null'],
  ['start(createRequire(import.meta.url));', 'value null'],
  ["module.createRequire(import.meta.url)('x');", 'value null'],
  ["globalThis.require('x');", 'value null'],
  ['const { getBuiltinModule } = process;', 'value null'],
  ['const { createRequire: load } = module;', 'value null'],
])('%s names a module', (source, expected) => {
  expect(shown('a.ts', source)).toEqual([`1 ${expected}`]);
});

test.each([
  'const a = \'import b from "x"\';',
  "// import a from 'x';",
  'export { a };',
  'export default 1;',
  'namespace A { export const b = 1; }',
  'import a = B.c;',
  'resolve("x"); a.require("x"); a.import("x"); f({ require: 1 });',
  "new URL('https://example.org/x.ts', import.meta.url); new URL('../', import.meta.url); new URL('./x.ts', base);",
  "new URL('./x.json', import.meta.url); new URL(`./prompts/$".concat('{name}.md`, import.meta.url);'),
  "// @import { A } from 'x'\nconst text = \"/** @import { A } */ from 'x'\";",
])('%s names none', (source) => {
  expect(shown('a.ts', source)).toEqual([]);
});

test('a loader that is imported under another name counts as a computed name', () => {
  const [, hidden] = shown('a.ts', "import { createRequire as load } from 'node:module';");
  expect(hidden).toBe('1 value null');
  expect(shown('a.ts', "import { createRequire } from 'node:module';")).toEqual(['1 value node:module']);
});

test('lines are counted in files that hold more than ASCII', () => {
  expect(
    shown('a.ts', "// für „alle“\n/// <reference path='b.d.ts' />\n\nimport 'x';\nconst é =\n  await import('y');\n"),
  ).toEqual(['2 type ./b.d.ts', '4 value x', '6 value y']);
});

test('JavaScript is read as JavaScript, and JSX with its tags', () => {
  expect(shown('a.mjs', "import a from 'x'; const b = a<c>(d);")).toEqual(['1 value x']);
  expect(shown('a.tsx', "import a from 'x'; const b = <a>{c}</a>;")).toEqual(['1 value x']);
});

test('a file that does not parse is named', () => {
  expect(() => importsOf('low/a.ts', 'import from from;;')).toThrow('low/a.ts does not parse');
});
