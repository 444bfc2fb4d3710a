import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProject, PROJECT } from '../../config/paths.ts';

test('.nvmrc names the Node that the project pins', () => {
  const { dependencies } = JSON.parse(readFileSync(inProject('package.json'), 'utf8'));
  expect(readFileSync(inProject('.nvmrc'), 'utf8').trim()).toBe(dependencies.node);
});

const attributes = readFileSync(inProject('.gitattributes'), 'utf8');
const generated = [...attributes.matchAll(/^(\S+) linguist-/gm)].map(([, pattern = '']) => pattern);

test.each(generated)('%s of .gitattributes matches a file', (pattern) => {
  expect(globSync(pattern, { cwd: PROJECT })).not.toEqual([]);
});
