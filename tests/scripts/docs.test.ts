import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProject } from '../../cli/paths.ts';
import { REFERENCE, specReference } from '../../scripts/docs.ts';
import { schemas } from '../../scripts/export-schemas.ts';

const STALE = 'is stale: run `npm run docs`';

test('docs/spec-reference.md is what the schemas say', () => {
  expect(readFileSync(REFERENCE, 'utf8') === specReference(), `docs/spec-reference.md ${STALE}`).toBe(true);
});

test.each(Object.entries(schemas()))('spec/schemas/%s is what the schemas say', (name, text) => {
  expect(readFileSync(inProject('spec/schemas', name), 'utf8') === text, `spec/schemas/${name} ${STALE}`).toBe(true);
});

test('every field of a stage has its source and its description in the reference', () => {
  const fields = specReference()
    .split('\n## `stages.')
    .slice(1)
    .flatMap((section) => section.split('\n## ')[0]?.split('\n') ?? [])
    .filter((line) => line.startsWith('| `') && !line.includes('| fields |'));
  expect(fields.length).toBeGreaterThan(40);
  expect(fields.filter((line) => line.endsWith('|  |'))).toEqual([]);
});
