import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { IS_TRAINER, type StageKind } from '../spec/stages/index.ts';
import { sha256 } from './canonical.ts';

/** Python programs that the TypeScript kinds talk to. What these do not import, only trainers run. */
const SERVED = ['policy_server.py', 'problems.py', 'verifier.py'] as const;
const LEFT_OUT: ReadonlySet<string> = new Set(['__pycache__', 'node_modules', 'tests']);

/**
 * Version of the code that makes the results of one kind of stage: a sha256 over the sources that can change them. It is part of the
 * stage's key, so that changed code never passes off old results as its own, and changed code of another kind costs nothing.
 *
 * - TypeScript kinds: `stages/main.ts`, `stages/<kind>/`, all that these import statically, `domains/<name>/`, and the Python that they
 *   talk to (verifier, policy server, problems, and what these import) with `trainers/requirements.txt`
 * - trainers: `trainers/orrery_trainers/`, `domains/<name>/` without its TypeScript, `trainers/requirements.txt`
 *
 * Asked anew for every execution, because its processes read the sources when they start: an edit under a running worker makes a new
 * version. A source that has not changed since is not read again, so that asking costs a `stat` of each.
 */
export function codeVersion(kind: StageKind, projectRoot: string, domainName: string): string {
  const domain = join(process.env.ORRERY_DOMAINS ?? join(projectRoot, 'domains'), domainName);
  const lines = sourcesOf(kind, projectRoot, domain).map(
    (path) => `${relative(projectRoot, path).replaceAll(sep, '/')} ${readSource(path).digest}\n`,
  );
  return sha256(lines.toSorted().join(''));
}

/** The sources that {@link codeVersion} hashes, as absolute paths. */
export function sourcesOf(kind: StageKind, projectRoot: string, domain: string): string[] {
  const python = join(projectRoot, 'trainers', 'orrery_trainers');
  const requirements = [join(projectRoot, 'trainers', 'requirements.txt')].filter((path) => existsSync(path));
  if (IS_TRAINER.has(kind)) {
    return [...filesUnder(python), ...requirements, ...filesUnder(domain).filter((path) => !path.endsWith('.ts'))];
  }
  const own = filesUnder(join(projectRoot, 'stages', kind));
  const entries = [join(projectRoot, 'stages', 'main.ts'), ...SERVED.map((name) => join(python, name))];
  const there = entries.filter((path) => existsSync(path));
  return [...withImports([...there, ...own, ...filesUnder(domain)]), ...requirements];
}

/** The files, and every file of the project that they import, directly or not. */
function withImports(entries: readonly string[]): string[] {
  const seen = new Set(entries);
  // A set may grow while it is walked: what is added is visited too.
  for (const path of seen) {
    for (const imported of readSource(path).imports) if (existsSync(imported)) seen.add(imported);
  }
  return [...seen];
}

/** Of TypeScript the static relative imports, of Python those of its own package, inside functions too. */
function importsOf(path: string, text: string): string[] {
  if (path.endsWith('.ts')) {
    return [...text.matchAll(/\bfrom '(\.[^']+\.ts)'/g)].map(([, name]) => join(dirname(path), name!));
  }
  if (path.endsWith('.py')) {
    const modules = text.matchAll(/^\s*from (?:\.|orrery_trainers\.)(\w+) import/gm);
    return [...modules].map(([, name]) => join(dirname(path), `${name}.py`));
  }
  return [];
}

interface Source {
  /** Differs when the file has been written since. */
  readonly stamp: string;
  readonly digest: string;
  /** Absolute paths, there or not. */
  readonly imports: readonly string[];
}

const known = new Map<string, Source>();

function readSource(path: string): Source {
  const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
  const stamp = [mtimeNs, ctimeNs, size, ino].join(' ');
  const before = known.get(path);
  if (before?.stamp === stamp) return before;
  const content = readFileSync(path);
  const source = { stamp, digest: sha256(content), imports: importsOf(path, content.toString('utf8')) };
  known.set(path, source);
  return source;
}

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (LEFT_OUT.has(entry.name) || entry.name.startsWith('.')) return [];
    if (entry.isDirectory()) return filesUnder(path);
    // Prompts are Markdown too; what is written about the code is not read by it.
    return entry.name === 'README.md' ? [] : [path];
  });
}
