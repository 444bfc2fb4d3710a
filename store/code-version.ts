import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { IS_TRAINER, type StageKind } from '../spec/index.ts';

/** Python that only trainers run: it cannot change the result of the other kinds. */
const TRAINERS_ONLY: ReadonlySet<string> = new Set([
  'pretrain.py',
  'sft.py',
  'rl.py',
  'training.py',
  'callbacks.py',
  'checkpoints.py',
]);
const LEFT_OUT: ReadonlySet<string> = new Set(['__pycache__', 'node_modules', 'tests']);

const versions = new Map<string, string>();

/**
 * Version of the code that makes the results of one kind of stage: a sha256 over the sources that can change them. It is part of the
 * stage's key, so that changed code never passes off old results as its own, and changed code of another kind costs nothing.
 *
 * - TypeScript kinds: `stages/main.ts`, `stages/<kind>/`, all that these import statically, `domains/<name>/`, and the Python that they
 *   talk to (verifier, policy server, problems) with `trainers/requirements.txt`
 * - trainers: `trainers/orrery_trainers/`, `domains/<name>/` without its TypeScript, `trainers/requirements.txt`
 *
 * Read once per process: a worker keeps the version that it started with, and so does what it starts.
 */
export function codeVersion(kind: StageKind, projectRoot: string, domainName: string): string {
  const domain = join(process.env.ORRERY_DOMAINS ?? join(projectRoot, 'domains'), domainName);
  const id = [kind, projectRoot, domain].join('\n');
  const known = versions.get(id) ?? hashFiles(sourcesOf(kind, projectRoot, domain), projectRoot);
  versions.set(id, known);
  return known;
}

/** The sources that {@link codeVersion} hashes, as absolute paths. */
export function sourcesOf(kind: StageKind, projectRoot: string, domain: string): string[] {
  const python = filesUnder(join(projectRoot, 'trainers', 'orrery_trainers'));
  const requirements = [join(projectRoot, 'trainers', 'requirements.txt')].filter((path) => existsSync(path));
  if (IS_TRAINER.has(kind)) {
    return [...python, ...requirements, ...filesUnder(domain).filter((path) => !path.endsWith('.ts'))];
  }
  const own = filesUnder(join(projectRoot, 'stages', kind));
  const main = [join(projectRoot, 'stages', 'main.ts')].filter((path) => existsSync(path));
  const subject = filesUnder(domain);
  const served = python.filter((path) => !TRAINERS_ONLY.has(basename(path)));
  return [...withImports([...main, ...own, ...subject]), ...served, ...requirements];
}

/** The files, and every TypeScript file that they import by a static relative import, directly or not. */
function withImports(entries: readonly string[]): string[] {
  const seen = new Set(entries);
  // A set may grow while it is walked: what is added is visited too.
  for (const path of seen) {
    if (!path.endsWith('.ts')) continue;
    for (const [, imported] of readFileSync(path, 'utf8').matchAll(/\bfrom '(\.[^']+\.ts)'/g)) {
      const target = join(dirname(path), imported!);
      if (existsSync(target)) seen.add(target);
    }
  }
  return [...seen];
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (LEFT_OUT.has(entry.name) || entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return filesUnder(path);
    return entry.name.endsWith('.md') ? [] : [path];
  });
}

function hashFiles(paths: readonly string[], projectRoot: string): string {
  const hash = createHash('sha256');
  const named = paths.map((path) => ({ path, name: relative(projectRoot, path).replaceAll(sep, '/') }));
  for (const { path, name } of named.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const content = readFileSync(path);
    hash.update(`${name}\n${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}
