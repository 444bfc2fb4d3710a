type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Finds circles in a graph: a shortest one for each point on a circle, without circles that share a point with an
 * earlier one. The list is empty only when the graph has no circle.
 * @returns paths that end with their first point
 */
export function circles(edges: Iterable<readonly [from: string, to: string]>): string[][] {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of edges) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  const listed = new Set<string>();
  return [...graph.keys()].sort().flatMap((start) => {
    const circle = shortestCircle(graph, start);
    if (circle === null || circle.some((point) => listed.has(point))) return [];
    for (const point of circle) listed.add(point);
    return [circle];
  });
}

/** Breadth-first search, so that the first way back is a shortest one. */
function shortestCircle(graph: Graph, start: string): string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const point of queue) {
    for (const next of graph.get(point) ?? []) {
      if (next === start) return [...wayTo(point, cameFrom), start];
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, point);
      queue.push(next);
    }
  }
  return null;
}

function wayTo(point: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const before = cameFrom.get(point);
  return before === undefined ? [point] : [...wayTo(before, cameFrom), point];
}
