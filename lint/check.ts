import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { breaches, strayFiles } from './breaches.ts';
import { circles } from './circles.ts';
import { edgesOf } from './edges.ts';
import type { Edge, Sources } from './imports.ts';
import { labelOf, type Packages, type Walls } from './table.ts';
import { unused } from './unused.ts';

/** All violations of the import rules, one line each; empty when there is none. */
export function wallFaults(table: Walls, packages: Packages, sources: Sources): string[] {
  let edges: Edge[];
  try {
    edges = edgesOf(sources);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [error.message];
  }
  return [
    ...strayFiles(table, sources.keys()),
    ...breaches(table, packages, edges),
    ...circles(edges.flatMap(({ from, to }) => (to === null ? [] : [[from, to] as const]))).map(
      (circle) => `files import each other: ${circle.join(' -> ')}`,
    ),
    ...circlesOfRows(table),
    ...unused(table, packages, edges, sources.keys()),
  ];
}

/** Rows that may import each other, directly or indirectly. */
function circlesOfRows(table: Walls): string[] {
  const allowed = Object.entries(table).flatMap(([row, { imports }]) =>
    imports === 'anything' ? [] : Object.keys(imports).map((other) => [row, other] as const),
  );
  return circles(allowed).map((circle) => `the table allows a circle: ${circle.map(labelOf).join(' -> ')}`);
}

/** The source files that git tracks or would add. */
export function sourcesOf(project: string): Sources {
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: project,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const files = list
    .split('\0')
    .filter((file) => /\.(?:[cm]?[jt]sx?|py)$/.test(file) && existsSync(join(project, file)));
  return new Map(files.map((file) => [file, readFileSync(join(project, file), 'utf8')]));
}
