import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Program } from '../../spec/job.ts';
import type { Found } from './found.ts';
import { readSource } from './read-source.ts';

/** What decides which sources a stage loads. */
export interface Loading {
  readonly kind: string;
  /** Programs of the stage's pods. */
  readonly programs: readonly Pick<Program, 'runtime' | 'args'>[];
  readonly projectRoot: string;
  /** Folder of the domains, and the one that the stage loads. */
  readonly domains: string;
  readonly domain: string;
}

/**
 * The sources that the programs of a stage load, directly or not: absolute paths by the names that they have in the project. A domain is
 * `domains/<name>` wherever its folder lies.
 * @throws Error when a source of the project loads what cannot be followed, or is not there
 */
export function sourcesOf(loading: Loading): Map<string, string> {
  const { projectRoot, domains, domain } = loading;
  const python = join(projectRoot, 'trainers');
  const sources = new Map<string, string>();

  function add(path: string): void {
    const name = nameOf(path);
    if (sources.has(name)) return;
    sources.set(name, path);
    const found = readSource(path).found;
    if (found === null) return;
    if (path.endsWith('.py')) addPython(path, found);
    else addTypeScript(path, found);
    for (const program of found.programs) addProgram(program, path);
    for (const file of found.files) addFiles(resolve(dirname(path), file), file.endsWith('/'), path);
    for (const declared of found.declared) addDeclared(declared, path);
    if (found.unfollowed.length > 0) addUnfollowed(path, found.unfollowed);
  }

  /** The name of a source does not depend on where the project or the domains lie. */
  function nameOf(path: string): string {
    for (const [root, name] of [
      [domains, 'domains/'],
      [projectRoot, ''],
    ] as const) {
      const below = relative(root, path);
      if (!below.startsWith('..')) return name + below.replaceAll(sep, '/');
    }
    throw new Error(`${path} is loaded by a stage, and is neither in ${projectRoot} nor in ${domains}`);
  }

  function addTypeScript(path: string, { imports }: Found): void {
    for (const specifier of imports) {
      if (specifier.startsWith('#'))
        throw new Error(`${path} imports ${specifier}: names of package.json are not followed`);
      if (/^\.\.?\//.test(specifier)) addFiles(resolve(dirname(path), specifier), false, path);
    }
  }

  function addPython(path: string, { imports, members }: Found): void {
    for (const module of imports) addModule(absolute(module, path), path, true);
    for (const { module, name } of members) {
      const parent = absolute(module, path);
      const folder = join(python, ...parent);
      if (name !== '*') addModule([...parent, name], path, false);
      else if (isOfProject(parent) && isFolder(folder))
        throw new Error(`${path} imports all of ${module}: name what it needs`);
    }
    addIfThere(join(projectRoot, 'trainers', 'requirements.txt'));
  }

  const isOfProject = ([top = '']: readonly string[]): boolean =>
    top !== '' && (isFolder(join(python, top)) || existsSync(join(python, `${top}.py`)));

  /** The parts of a module's whole name; one dot is the package that the importer is in, each further one its parent. */
  function absolute(module: string, importer: string): string[] {
    const dots = /^\.*/.exec(module)![0].length;
    const parts = module.slice(dots).split('.').filter(Boolean);
    if (dots === 0) return parts;
    const own = relative(python, dirname(importer)).split(sep).filter(Boolean);
    if (own[0] === '..' || dots > own.length)
      throw new Error(`${importer} imports ${module}: there is no such package`);
    return [...own.slice(0, own.length - dots + 1), ...parts];
  }

  /** A module with the packages that it is in. A member that is no module is a name within its module. */
  function addModule(parts: readonly string[], importer: string, mustBeThere: boolean): void {
    if (!isOfProject(parts)) return;
    for (let length = 1; length <= parts.length; length++) {
      const base = join(python, ...parts.slice(0, length));
      if (existsSync(`${base}.py`) && !isFolder(base)) {
        add(`${base}.py`);
        if (length < parts.length && mustBeThere)
          throw new Error(`${importer} imports ${parts.join('.')}: it is not there`);
        return;
      }
      if (!isFolder(base)) {
        if (mustBeThere) throw new Error(`${importer} imports ${parts.join('.')}: it is not there`);
        return;
      }
      addIfThere(join(base, '__init__.py'));
    }
  }

  /** `python -m module` */
  function addProgram(module: string, by: string): void {
    const parts = module.split('.');
    const base = join(python, ...parts);
    addModule(parts, by, true);
    if (isFolder(base)) addFiles(join(base, '__main__.py'), false, by);
  }

  function addDeclared(declared: string, by: string): void {
    const name = declared.replaceAll('{kind}', loading.kind).replaceAll('{domain}', domain).replace(/\?$/, '');
    const path = name.startsWith('domains/') ? join(domains, name.slice('domains/'.length)) : join(projectRoot, name);
    if (declared.endsWith('?')) addIfThere(path);
    else addFiles(path, name.endsWith('/'), by);
  }

  /** A domain may do as it likes: all of its folder counts then. */
  function addUnfollowed(path: string, unfollowed: readonly string[]): void {
    const own = join(domains, domain);
    if (relative(own, path).startsWith('..')) {
      throw new Error(
        `${path} loads what cannot be followed (${unfollowed.join('; ')}): name it by a comment @loads above the statement`,
      );
    }
    for (const file of filesUnder(own)) add(file);
  }

  function addFiles(path: string, isWholeFolder: boolean, by: string): void {
    if (!existsSync(path)) throw new Error(`${by} loads ${path}, which is not there`);
    if (isWholeFolder) for (const file of filesUnder(path)) add(file);
    else if (isFolder(path))
      throw new Error(`${by} names the folder ${path}: name its files, or end its name with a slash`);
    else add(path);
  }

  function addIfThere(path: string): void {
    if (existsSync(path)) add(path);
  }

  for (const { runtime, args } of loading.programs) {
    if (runtime === 'node') addFiles(join(projectRoot, args[0]!), false, 'the stage');
    else if (runtime === 'python') addProgram(args[1]!, 'the stage');
  }
  return sources;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Made by tools, or words about the code that nothing reads. */
const isLeftOut = ({ name }: Dirent): boolean =>
  name.startsWith('.') || name === '__pycache__' || name === 'node_modules' || name === 'README.md';

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (isLeftOut(entry)) return [];
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}
