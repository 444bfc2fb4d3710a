import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import type { Found } from './found.ts';

/** `package.json` of an installed package. It has its version and its dependencies. */
const INSTALLED = /[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+[\\/]package\.json$/;
export const isInstalledPackage = (path: string): boolean => INSTALLED.test(path);

/** `@scope/name/deep.js` -> `@scope/name`. */
const NAME = /^(?:@[^/:]+\/)?[^/:@][^/:]*/;

/**
 * The `package.json` of a package that a source imports, found as Node finds it; null for modules of Node.
 * @throws Error when the package is not installed, or the specifier is an address
 */
export function packageOf(specifier: string, importer: string): string | null {
  if (isBuiltin(specifier)) return null;
  const name = NAME.exec(specifier)?.[0];
  if (name === undefined || specifier.slice(name.length).startsWith(':')) {
    throw new Error(`${importer} imports ${specifier}: expected a path (./…) or the name of a package`);
  }
  for (let folder = dirname(importer); ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name, 'package.json');
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) break;
  }
  throw new Error(`${importer} imports ${specifier}, which is not installed: run npm ci in the project`);
}

/**
 * What a package loads: its dependencies. Optional ones do not count, because they differ between machines (binaries
 * for one platform); the package that names them pins their versions.
 */
export function findInPackage(text: string): Found {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(text) as Record<string, object | undefined>;
  const imports = Object.keys(dependencies).filter((name) => !(name in optionalDependencies));
  return { imports, members: [], programs: [], files: [], declared: [], unfollowed: [] };
}
