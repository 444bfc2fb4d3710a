/**
 * Heap bytes per node of a finished search tree in the memory of the search: its fields and the list of its children.
 *
 *     node --expose-gc tree-memory.ts TREES.jsonl
 */
import { readFileSync } from 'node:fs';

interface Node {
  readonly id: number;
  readonly parent: number | null;
}
const heap = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};
const lines = readFileSync(process.argv[2] ?? '', 'utf8')
  .trim()
  .split('\n');
const before = heap();
const trees = lines.map((line) => {
  const { nodes } = JSON.parse(line) as { nodes: readonly Node[] };
  const children: number[][] = nodes.map(() => []);
  for (const { id, parent } of nodes) if (parent !== null) children[parent]?.push(id);
  return { nodes, children };
});
const bytes = heap() - before;
const nodes = trees.reduce((sum, tree) => sum + tree.nodes.length, 0);
console.log(JSON.stringify({ bytesPerNode: bytes / nodes, nodes, trees: trees.length }));
