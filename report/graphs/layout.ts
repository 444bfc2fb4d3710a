import dagre from '@dagrejs/dagre';
import type { GraphEdge, GraphNode } from '../report-schema.ts';
import { type Curve, correctionCurve, hullOf } from './corrections.ts';
import type { PlacedNode, Position } from './positions.ts';

export interface Layout {
  /** Corner and size of the drawing, in pixels. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly nodes: readonly PlacedNode[];
  /** Bends from the border of one node to that of the other. */
  readonly transitions: readonly (readonly Position[])[];
  readonly corrections: readonly Curve[];
}

const LABEL_CHARACTERS = 24;
const CHARACTER_WIDTH = 6.8;
const NODE_HEIGHT = 30;
const MARGIN = 6;
/** Space for the loop of a reflection and its verdicts, at the right of the last node. */
const LOOP_WIDTH = 48;

/**
 * Places the steps in layers, from the problem down, with branches from left to right in the order in which they were
 * tried. dagre lays out only the transitions. Corrections are drawn around them, so that going back never moves a step.
 */
export function layOut(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Layout {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'TB', nodesep: 46, ranksep: 34 });
  const sized = nodes.map((node) => {
    const label = shortLabel(node);
    return { ...node, label, width: Math.max(64, label.length * CHARACTER_WIDTH + 22), height: NODE_HEIGHT };
  });
  for (const { id, width, height } of sized) graph.setNode(String(id), { width, height });
  const transitions = edges.filter(({ kind }) => kind === 'transition');
  for (const [at, { from, to }] of transitions.entries()) graph.setEdge(String(from), String(to), {}, String(at));
  dagre.layout(graph, { disableOptimalOrderHeuristic: true });
  const placed = sized.map((node): PlacedNode => {
    const { x, y } = graph.node(String(node.id));
    return { ...node, at: { x, y } };
  });
  const nodeOf = new Map(placed.map((node) => [node.id, node]));
  const corrections = edges
    .filter(({ kind }) => kind === 'correction')
    .flatMap(
      ({ from, to }) => correctionCurve(wayBack(from, to, transitions).flatMap((id) => nodeOf.get(id) ?? [])) ?? [],
    );
  return {
    box: around(placed, corrections),
    nodes: placed,
    transitions: transitions.map(({ from, to }, at) => {
      const { points } = graph.edge({ v: String(from), w: String(to), name: String(at) });
      return points.map(({ x, y }: Position) => ({ x, y }));
    }),
    corrections,
  };
}

/** Steps from `from` up to `to`, against the transitions. Only the two ends when there is no such path. */
function wayBack(from: number, to: number, transitions: readonly GraphEdge[]): number[] {
  const way = [from];
  while (way.at(-1) !== to && way.length <= transitions.length) {
    const parent = transitions.find((edge) => edge.to === way.at(-1))?.from;
    if (parent === undefined) break;
    way.push(parent);
  }
  return way.at(-1) === to ? way : [from, to];
}

function around(nodes: readonly PlacedNode[], corrections: readonly Curve[]): Layout['box'] {
  const corners = [
    ...nodes.flatMap(({ at, width, height }) => [
      { x: at.x - width / 2, y: at.y - height / 2 },
      { x: at.x + width / 2 + LOOP_WIDTH, y: at.y + height / 2 },
    ]),
    ...corrections.flatMap(hullOf),
  ];
  const [xs, ys] = [corners.map(({ x }) => x), corners.map(({ y }) => y)];
  const [left, top] = [Math.min(...xs) - MARGIN, Math.min(...ys) - MARGIN];
  return { x: left, y: top, width: Math.max(...xs) + MARGIN - left, height: Math.max(...ys) + MARGIN - top };
}

/** A short label of a step. The node's title has its whole text. */
export function shortLabel({ kind, text }: Pick<GraphNode, 'kind' | 'text'>): string {
  if (kind === 'problem') return 'problem';
  const words = text.replace(/\s+/g, ' ').trim();
  if (words.length <= LABEL_CHARACTERS) return words;
  // The end of an answer matters most, and the beginning of a step.
  return kind === 'answer' ? `…${words.slice(1 - LABEL_CHARACTERS)}` : `${words.slice(0, LABEL_CHARACTERS - 1)}…`;
}
