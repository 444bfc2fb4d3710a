import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { ARCHITECTURE, architecture, REFERENCE, specReference } from '../../scripts/docs.ts';
import { schemas } from '../../scripts/export-schemas.ts';
import { PYTHON_TYPES, pythonTypes } from '../../scripts/python-types.ts';

const STALE = 'is stale: run `npm run docs`';

test('docs/spec-reference.md matches the schemas', () => {
  expect(readFileSync(REFERENCE, 'utf8') === specReference(), `docs/spec-reference.md ${STALE}`).toBe(true);
});

test('docs/architecture.md has the table of lint/walls.ts', () => {
  expect(readFileSync(ARCHITECTURE, 'utf8') === architecture(), `docs/architecture.md ${STALE}`).toBe(true);
});

test.each(Object.entries(schemas()))('spec/schemas/%s matches the schemas', (name, text) => {
  expect(readFileSync(inProject('spec/schemas', name), 'utf8') === text, `spec/schemas/${name} ${STALE}`).toBe(true);
});

test('the Python types are what the schemas say', () => {
  expect(readFileSync(inProject(PYTHON_TYPES), 'utf8') === pythonTypes(), `${PYTHON_TYPES} ${STALE}`).toBe(true);
});

test('every default with a source has a description', () => {
  const rows = specReference()
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const described = new Set(rows.filter((line) => !line.endsWith('| |')).map(pathOf));
  const withSource = rows.filter((line) => line.includes('ours') || line.includes('paper')).map(pathOf);
  expect(rows.length).toBeGreaterThan(100);
  expect(withSource.filter((path) => !described.has(path))).toEqual([]);
});

const pathOf = (row: string): string => row.split('`')[1] ?? '';
