import { dirname, join } from 'node:path/posix';
import { importsOfPython, type PythonImport } from '../store/code/python-imports.ts';
import type { Edge, Sources } from './imports.ts';

/**
 * Folders that Python searches for modules: of the programs, and of their tests. The folder of the importer is one too.
 */
const ROOTS = ['trainers', 'trainers/tests/support', 'trainers/tests/support/domains/parity'];

/** Modules of the standard library that the project uses. Any row may import them. */
const STANDARD: ReadonlySet<string> = new Set(
  (
    '__future__ argparse ast asyncio atexit collections concurrent contextlib ctypes dataclasses datetime errno faulthandler ' +
    'fcntl functools gc graphlib hashlib http io itertools json logging math multiprocessing os pathlib platform pty ' +
    'random re reprlib resource secrets select selectors shutil signal socket statistics struct subprocess sys ' +
    'tempfile termios threading time traceback tracemalloc types typing urllib warnings zlib'
  ).split(' '),
);

/** Modules that load others by computed names. */
const LOADERS: ReadonlySet<string> = new Set(['importlib', 'imp', 'pkgutil', 'runpy', 'zipimport']);

/**
 * Every import of a Python module, those within functions and for types among them. A package is `python:torch`. A
 * module that loads others by computed names counts as a computed name itself.
 * @throws SyntaxError naming the file when it is no Python
 */
export function edgesOfPython(from: string, source: string, sources: Sources): Edge[] {
  let statements: PythonImport[];
  try {
    statements = importsOfPython(source);
  } catch (error) {
    throw new SyntaxError(`${from} does not parse: ${(error as Error).message}`, { cause: error });
  }
  return statements.flatMap(({ from: module, names, typesOnly, line }) => {
    const targets = names.map((name) =>
      module === null ? targetOf(name, null, from, sources) : targetOf(module, name, from, sources),
    );
    const distinct = new Map(targets.flatMap((target) => (target === null ? [] : [[JSON.stringify(target), target]])));
    return [...distinct.values()].map((target) => ({ from, typesOnly, line, ...target }));
  });
}

/** The file, or the package, that `from module import member` loads; null for the standard library. */
function targetOf(
  module: string,
  member: string | null,
  importer: string,
  sources: Sources,
): Pick<Edge, 'specifier' | 'to'> | null {
  const dots = /^\.*/.exec(module)![0].length;
  const parts = module.slice(dots).split('.').filter(Boolean);
  const roots = dots === 0 ? [dirname(importer), ...ROOTS] : [join(dirname(importer), ...Array(dots - 1).fill('..'))];
  for (const root of roots) {
    const file =
      (member === null ? null : fileOf(join(root, ...parts, member), sources)) ?? fileOf(join(root, ...parts), sources);
    if (file !== null) return { specifier: module, to: file };
  }
  const [top = ''] = parts;
  if (dots > 0 || top === 'orrery_trainers') return { specifier: module, to: join(roots.at(-1)!, 'missing', ...parts) };
  if (LOADERS.has(top)) return { specifier: null, to: null };
  return STANDARD.has(top) ? null : { specifier: `python:${top}`, to: null };
}

const fileOf = (path: string, sources: Sources): string | null =>
  [`${path}.py`, `${path}/__init__.py`].find((file) => sources.has(file)) ?? null;
