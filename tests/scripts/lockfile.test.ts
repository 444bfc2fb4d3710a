import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';

interface Entry {
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const text = readFileSync(inProject('package-lock.json'), 'utf8');
const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, Entry>> };

test('package-lock.json names no registry', () => {
  expect(text).not.toContain('"resolved"');
});

test('every package of package-lock.json has the hash of its content', () => {
  const without = Object.keys(packages).filter((path) => path !== '' && packages[path]?.integrity === undefined);
  expect(without).toEqual([]);
});

// `npm ci` refuses a lockfile without them, on every platform.
test('package-lock.json has the optional packages of every platform', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});
