import { existsSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { isFolder } from './folders.ts';
import type { Found } from './found.ts';

/**
 * Files of the project that a Python module imports: modules, and the `__init__.py` of every package that they are in.
 * @param root - the folder that is on the path of imports
 * @throws Error when a module of the project is not there
 */
export function filesOfImports(importer: string, { imports, members }: Found, root: string): string[] {
  return [
    ...imports.flatMap((module) => filesOf(absolute(module, importer, root), importer, root)),
    ...members.flatMap(({ module, name }) => {
      const parent = absolute(module, importer, root);
      if (name !== '*') return memberOf(parent, name, root);
      if (isOfProject(parent, root) && isFolder(join(root, ...parent))) {
        throw new Error(`${importer} imports all of ${module}: name what it needs`);
      }
      return [];
    }),
  ];
}

/** Files that `python -m module` loads first. */
export function filesOfProgram(module: string, by: string, root: string): string[] {
  const parts = module.split('.');
  const main = join(root, ...parts, '__main__.py');
  return [...filesOf(parts, by, root), ...(isFolder(dirname(main)) ? [main] : [])];
}

/** The parts of a module's whole name; one dot is the package that the importer is in, each further one its parent. */
function absolute(module: string, importer: string, root: string): string[] {
  const dots = /^\.*/.exec(module)![0].length;
  const parts = module.slice(dots).split('.').filter(Boolean);
  if (dots === 0) return parts;
  const own = relative(root, dirname(importer)).split(sep).filter(Boolean);
  if (own[0] === '..' || dots > own.length) {
    throw new Error(`${importer} imports ${module}: there is no such package`);
  }
  return [...own.slice(0, own.length - dots + 1), ...parts];
}

const isOfProject = ([top = '']: readonly string[], root: string): boolean =>
  top !== '' && (isFolder(join(root, top)) || existsSync(join(root, `${top}.py`)));

/** A module of the project with the packages that it is in; nothing of other modules. */
function filesOf(parts: readonly string[], importer: string, root: string): string[] {
  if (!isOfProject(parts, root)) return [];
  const files: string[] = [];
  for (let length = 1; length <= parts.length; length++) {
    const base = join(root, ...parts.slice(0, length));
    if (isFolder(base)) {
      // A package may do without.
      if (existsSync(join(base, '__init__.py'))) files.push(join(base, '__init__.py'));
    } else if (existsSync(`${base}.py`) && length === parts.length) files.push(`${base}.py`);
    else throw new Error(`${importer} imports ${parts.join('.')}: it is not there`);
  }
  return files;
}

/** What `from parent import name` loads besides the parent: a module, where the name is one. */
function memberOf(parent: readonly string[], name: string, root: string): string[] {
  const base = join(root, ...parent, name);
  if (!isOfProject(parent, root)) return [];
  if (isFolder(base)) return existsSync(join(base, '__init__.py')) ? [join(base, '__init__.py')] : [];
  return existsSync(`${base}.py`) ? [`${base}.py`] : [];
}
