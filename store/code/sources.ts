import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { filesUnder, isFolder } from './folders.ts';
import type { Found } from './found.ts';
import { packageOf } from './packages.ts';
import { filesOfImports, filesOfProgram } from './python-modules.ts';
import { readSource } from './read-source.ts';

/** What starts a program: as `Program` of executor/, which store/ does not import. */
export interface ProgramStart {
  readonly runtime: 'node' | 'python' | 'vllm';
  readonly args: readonly string[];
}

/**
 * How a program is started: `node stages/main.ts`, `python -m orrery_trainers.sft`. Programs of others load no source
 * of the project.
 */
export interface StageProgram {
  readonly runtime: 'node' | 'python' | 'vllm';
  readonly args: readonly string[];
}

/** What decides which sources a program loads. */
export interface Loading {
  readonly kind: string;
  readonly projectRoot: string;
  /** Folder of the domains, and the one that the stage loads. */
  readonly domains: string;
  readonly domain: string;
}

/**
 * The sources that a program loads, directly or not: absolute paths by their names.
 * @throws Error when a source of the project loads what cannot be followed, or is not there
 */
export function sourcesOf({ runtime, args }: ProgramStart, loading: Loading): Map<string, string> {
  const { projectRoot } = loading;
  const entries =
    runtime === 'node'
      ? [there(join(projectRoot, args[0]!), 'the stage')]
      : runtime === 'python'
        ? pythonProgram(args[1]!, 'the stage', projectRoot)
        : [];
  const sources = new Map<string, string>();
  const waiting = entries.map((path) => ({ path, by: path }));
  // A list may grow while it is walked: what is added is visited too.
  for (const { path, by } of waiting) {
    const name = nameOf(path, by, loading);
    if (sources.has(name)) continue;
    sources.set(name, path);
    const { found } = readSource(path);
    if (found !== null) waiting.push(...loadedBy(path, found, loading).map((loaded) => ({ path: loaded, by: path })));
  }
  return sources;
}

/**
 * A name does not depend on where the project or the domains lie: `stages/main.ts`, `domains/math/domain.ts` of the
 * domain that the stage loads, `ORRERY_DOMAINS/shared.ts` of other files in a folder of domains outside of the project.
 * What is in neither is named from where its importer is. {@link pathOf} of `store/sources.ts` finds them again.
 */
function nameOf(path: string, by: string, { domain, domains, projectRoot }: Loading): string {
  const from = (root: string, file: string) => relative(root, file).replaceAll(sep, '/');
  const [inDomains, inProject] = [from(domains, path), from(projectRoot, path)];
  if (inDomains.startsWith(`${domain}/`)) return `domains/${inDomains}`;
  if (!inProject.startsWith('..')) return inProject;
  const isOfDomains = !inDomains.startsWith('..') || !from(domains, by).startsWith('..');
  return isOfDomains ? `ORRERY_DOMAINS/${inDomains}` : inProject;
}

/** The files that a source loads itself. */
function loadedBy(path: string, found: Found, loading: Loading): string[] {
  const { projectRoot } = loading;
  return [
    ...(path.endsWith('.py') ? filesOfImports(path, found, join(projectRoot, 'trainers')) : modulesOf(path, found)),
    ...found.programs.flatMap((module) => pythonProgram(module, path, projectRoot)),
    ...found.files.flatMap((file) => named(resolve(dirname(path), file), file.endsWith('/'), path)),
    ...found.declared.flatMap((declared) => declaredBy(path, declared, loading)),
    ...(found.unfollowed.length > 0 ? unfollowed(path, found.unfollowed, loading) : []),
  ];
}

/**
 * Modules that a TypeScript module imports. An installed package counts by its `package.json`: that has its version.
 */
function modulesOf(path: string, { imports }: Found): string[] {
  return imports.flatMap((specifier) => {
    if (specifier.startsWith('#')) {
      throw new Error(`${path} imports ${specifier}: names of package.json are not followed`);
    }
    if (/^\.\.?\//.test(specifier)) return named(resolve(dirname(path), specifier), false, path);
    return packageOf(specifier, path) ?? [];
  });
}

/** `python -m module`, with what its packages are pinned to. */
function pythonProgram(module: string, by: string, projectRoot: string): string[] {
  const requirements = join(projectRoot, 'trainers', 'requirements.txt');
  return [
    ...filesOfProgram(module, by, join(projectRoot, 'trainers')),
    ...(existsSync(requirements) ? [requirements] : []),
  ];
}

function declaredBy(path: string, declared: string, { kind, domain, domains, projectRoot }: Loading): string[] {
  const name = declared.replaceAll('{kind}', kind).replaceAll('{domain}', domain).replace(/\?$/, '');
  const file = name.startsWith('domains/') ? join(domains, name.slice('domains/'.length)) : join(projectRoot, name);
  if (declared.endsWith('?') && !existsSync(file)) return [];
  return named(file, name.endsWith('/'), path);
}

/** A domain may do as it likes: all of its folder counts then. */
function unfollowed(path: string, what: readonly string[], { domains, domain }: Loading): string[] {
  const own = join(domains, domain);
  if (!relative(own, path).startsWith('..')) return filesUnder(own);
  throw new Error(
    `${path} loads what cannot be followed (${what.join('; ')}): name the files by a comment @loads above the statement`,
  );
}

/** A file that is named, or all below a folder that is named with a slash at its end. */
function named(path: string, isWholeFolder: boolean, by: string): string[] {
  there(path, by);
  if (isWholeFolder) return filesUnder(path);
  if (isFolder(path)) throw new Error(`${by} names the folder ${path}: name its files, or end its name with a slash`);
  return [path];
}

function there(path: string, by: string): string {
  if (!existsSync(path)) throw new Error(`${by} loads ${path}, which is not there`);
  return path;
}
