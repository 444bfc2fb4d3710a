import { relative } from 'node:path/posix';
import { packageOf } from './edges.ts';
import type { Edge } from './imports.ts';
import { allowanceOf, labelOf, type Packages, rowOf, type Walls } from './table.ts';

/** Files that belong to no row of the table. */
export const strayFiles = (table: Walls, files: Iterable<string>): string[] =>
  [...files].filter((file) => rowOf(table, file) === null).map((file) => `${file} belongs to no row of the table`);

/** Imports that the table does not allow, one line each. */
export function breaches(table: Walls, packages: Packages, edges: readonly Edge[]): string[] {
  return edges.flatMap((edge) => {
    const row = rowOf(table, edge.from);
    const wrong = row === null ? null : wrongOf(table, packages, row, edge);
    return wrong === null ? [] : [`${edge.from}:${edge.line} imports ${edge.specifier ?? 'a computed name'}: ${wrong}`];
  });
}

function wrongOf(table: Walls, packages: Packages, row: string, edge: Edge): string | null {
  if (edge.specifier === null) return table[row]?.computed ? null : `${labelOf(row)} may not import by a computed name`;
  return edge.to === null
    ? wrongPackage(table, packages, row, edge.specifier, edge.typesOnly)
    : wrongFile(table, row, edge.to, edge.typesOnly);
}

function wrongFile(table: Walls, row: string, path: string, typesOnly: boolean): string | null {
  const other = rowOf(table, path);
  if (other === null) return `${path} belongs to no row of the table`;
  if (other === row) return null;
  const allowed = allowanceOf(table, row, other);
  if (allowed === null) return `${labelOf(row)} may not import ${labelOf(other)}`;
  if (allowed.typesOnly && !typesOnly) return typesAlone(row, labelOf(other));
  const file = relative(other, path);
  if (allowed.files?.includes(file) === false) return onlyFiles(row, other, allowed.files);
  const isTest = table[row]?.imports === 'anything';
  const { publicFiles } = table[other] ?? {};
  return isTest || publicFiles?.includes(file) !== false ? null : onlyFiles(row, other, publicFiles);
}

function wrongPackage(
  table: Walls,
  packages: Packages,
  row: string,
  specifier: string,
  typesOnly: boolean,
): string | null {
  const name = packageOf(specifier);
  if (!Object.hasOwn(packages, name)) return `${name} is not in the table of packages`;
  const { packages: values = [], packageTypes: types = [] } = table[row] ?? {};
  if (values === 'anything' || values.includes(name)) return null;
  if (!types.includes(name)) return `${labelOf(row)} may not import ${name}`;
  return typesOnly ? null : typesAlone(row, name);
}

const onlyFiles = (row: string, other: string, files: readonly string[]): string =>
  `${labelOf(row)} may import only ${files.join(', ')} of ${labelOf(other)}`;

const typesAlone = (row: string, other: string): string =>
  `${labelOf(row)} may import only types of ${other} (import type)`;
