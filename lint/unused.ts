import { join, relative } from 'node:path/posix';
import { packageOf } from './edges.ts';
import type { Edge } from './imports.ts';
import { allowanceOf, labelOf, type Packages, rowOf, type Walls } from './table.ts';

/** How one row uses another, or a package. */
interface Use {
  readonly isLoaded: boolean;
  /** Imported paths within the other row. */
  readonly files: ReadonlySet<string>;
}
type Uses = ReadonlyMap<string, Use>;

/** Entries of the table that no import uses, one line each. Removing them keeps the table as strict as possible. */
export function unused(table: Walls, packages: Packages, edges: readonly Edge[], files: Iterable<string>): string[] {
  const uses = usesOf(table, edges);
  const named = [...files, ...edges.flatMap(({ to }) => to ?? [])];
  const held = new Set(named.map((file) => rowOf(table, file)));
  const imported = new Set(
    edges.flatMap(({ to, specifier }) => (to === null && specifier !== null ? packageOf(specifier) : [])),
  );
  return [
    ...Object.keys(packages)
      .filter((name) => !imported.has(name))
      .map((name) => `nothing imports ${name}: remove it from the table of packages`),
    ...Object.keys(table).flatMap((row) =>
      held.has(row) ? unusedOfRow(table, row, uses) : [`${labelOf(row)} does not exist: remove its row`],
    ),
    ...unusedPublicFiles(table, edges),
  ];
}

/** Tests do not count, because they may import private files. */
function unusedPublicFiles(table: Walls, edges: readonly Edge[]): string[] {
  const used = new Set(
    edges.flatMap(({ from, to }) => {
      const [row, other] = [rowOf(table, from) ?? '', to === null ? null : rowOf(table, to)];
      return to === null || other === row || table[row]?.imports === 'anything' ? [] : to;
    }),
  );
  return Object.entries(table).flatMap(([row, { publicFiles = [] }]) =>
    publicFiles
      .filter((file) => !used.has(join(row, file)))
      .map((file) => `no other row imports the public file ${join(row, file)}: remove it from the table`),
  );
}

/** `from -> to` -> use. A computed name counts as `from -> *`. */
function usesOf(table: Walls, edges: readonly Edge[]): Uses {
  const uses = new Map<string, { isLoaded: boolean; files: Set<string> }>();
  for (const { from, to, specifier, typesOnly } of edges) {
    const other = to !== null ? (rowOf(table, to) ?? '') : specifier === null ? '*' : packageOf(specifier);
    const key = `${rowOf(table, from)} -> ${other}`;
    const use = uses.get(key) ?? { isLoaded: false, files: new Set() };
    use.isLoaded ||= !typesOnly;
    if (to !== null) use.files.add(relative(other, to));
    uses.set(key, use);
  }
  return uses;
}

function unusedOfRow(table: Walls, row: string, uses: Uses): string[] {
  const { imports = {}, packages = [], packageTypes = [], computed } = table[row] ?? {};
  const others = imports === 'anything' ? [] : Object.keys(imports);
  const faults = (other: string, label: string, typesOnly = false, files: readonly string[] = []): string[] => {
    const use = uses.get(`${row} -> ${other}`);
    if (use === undefined) return [`${labelOf(row)} may import ${label} and does not: remove this from the table`];
    if (!use.isLoaded && !typesOnly) return [`${labelOf(row)} imports only types of ${label}: say so in the table`];
    const idle = files.filter((file) => !use.files.has(file));
    return idle.map(
      (file) => `${labelOf(row)} may import ${file} of ${label} and does not: remove this from the table`,
    );
  };
  return [
    ...others.flatMap((other) => {
      const allowed = allowanceOf(table, row, other);
      return faults(other, labelOf(other), allowed?.typesOnly, allowed?.files);
    }),
    ...(packages === 'anything' ? [] : packages).flatMap((name) => faults(name, name)),
    ...packageTypes.flatMap((name) => faults(name, name, true)),
    ...(computed === undefined || uses.has(`${row} -> *`)
      ? []
      : [`${labelOf(row)} computes no import: remove this from the table`]),
  ];
}
