import { extname } from 'node:path/posix';

/** Why one row may import another. */
export interface Allowance {
  readonly why: string;
  /** Only types: the module is not loaded. */
  readonly typesOnly?: true;
  /** Only these files. Paths within the other row. */
  readonly files?: readonly string[];
}

/** One row: a folder, or a single file. */
export interface Wall<Row extends string = string> {
  /** Its content, as one line of Markdown. */
  readonly holds: string;
  /** Files that other rows may import. Paths within this row. The default is all files. */
  readonly publicFiles?: readonly string[];
  /** Other rows that it may import, with the reason. */
  readonly imports: 'anything' | { readonly [row in Row]?: string | Allowance };
  /**
   * Packages that it may import, modules of Node among them. Of Python, only packages outside of its standard library.
   */
  readonly packages: 'anything' | readonly string[];
  /** Packages of which it may import only types. */
  readonly packageTypes?: readonly string[];
  /** Whether every folder within it needs a row of its own. */
  readonly flat?: true;
  /** Why it may import a module whose name is computed. */
  readonly computed?: string;
}

/** Rows by path from the root: `spec`, `k8s/api`, `worker.ts`. */
export type Walls = Readonly<Record<string, Wall>>;

/** What each package is used for. */
export type Packages = Readonly<Record<string, string>>;

/** @returns the rows unchanged. The compiler checks that each row names only existing rows. */
export const walls = <Row extends string>(rows: Readonly<Record<Row, Wall<NoInfer<Row>>>>): Walls => rows;

/**
 * The row of a file: the longest path that contains it.
 * @param path - from the root, with `/`
 * @returns null when no row contains the file: it is in a new folder or in the root
 */
export function rowOf(table: Walls, path: string): string | null {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const row = path.slice(0, end);
    if (!Object.hasOwn(table, row)) continue;
    const isDeeper = path.indexOf('/', end + 1) !== -1;
    return table[row]?.flat && isDeeper ? null : row;
  }
  return null;
}

/** What `from` may import of another row; null for nothing. */
export function allowanceOf(table: Walls, from: string, to: string): Allowance | null {
  const imports = table[from]?.imports ?? {};
  if (imports === 'anything') return { why: 'anything' };
  const given = Object.hasOwn(imports, to) ? imports[to] : undefined;
  return typeof given === 'string' ? { why: given } : (given ?? null);
}

/** `spec/`, `worker.ts`. */
export const labelOf = (row: string): string => (extname(row) === '' ? `${row}/` : row);
