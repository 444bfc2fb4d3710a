import type { Span } from '../../spec/records.ts';
import type { GraphEdge, GraphNode } from '../report-schema.ts';

/** Number of the problem's node, where a solution begins and where a restart leads. */
export const PROBLEM = 0;

/**
 * A solution as a directed graph. Nodes are steps. Edges are transitions (to the next step), reflections (from a step
 * to itself, with their verdict) and corrections (back to an earlier step or to the problem). Source: ASTRO (arXiv
 * 2507.00417), the analysis of solutions as graphs.
 * @param text - the text that the spans refer to
 * @param spans - in the order of the text; `node` of a backtrack is the node that it returns to
 */
export function graphOf(
  problem: string,
  text: string,
  spans: readonly Span[],
): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const nodes = new Map<number, GraphNode>([[PROBLEM, { id: PROBLEM, kind: 'problem', text: problem }]]);
  const edges: GraphEdge[] = [];
  let here = PROBLEM;
  for (const [at, span] of spans.entries()) {
    switch (span.kind) {
      case 'step':
      case 'answer': {
        const id = span.node ?? unusedNumber(nodes, spans);
        const written = text.slice(span.from, span.to).trim();
        const known = nodes.get(id);
        if (known === undefined) nodes.set(id, { id, kind: span.kind, text: written });
        // A terminal step may have two spans: the step, then its answer.
        else if (span.kind === 'answer' && id === here) nodes.set(id, { ...known, kind: 'answer' });
        if (id !== here) edges.push({ from: here, to: id, kind: 'transition', verdict: null });
        here = id;
        break;
      }
      case 'reflection':
        edges.push({ from: here, to: here, kind: 'reflection', verdict: verdictAfter(spans, at) });
        break;
      case 'restart':
      case 'backtrack': {
        const to = span.kind === 'restart' ? PROBLEM : span.node;
        if (to === null || to === here || !nodes.has(to)) break; // it names no known step, so a reader cannot follow it
        edges.push({ from: here, to, kind: 'correction', verdict: null });
        here = to;
        break;
      }
      case 'negative':
      case 'positive':
        break; // part of the edge of its reflection
    }
  }
  return { nodes: [...nodes.values()], edges };
}

/** The verdict that directly follows a reflection. */
function verdictAfter(spans: readonly Span[], reflection: number): GraphEdge['verdict'] {
  const next = spans[reflection + 1]?.kind;
  return next === 'positive' || next === 'negative' ? next : null;
}

/** A free number for a step without one. */
function unusedNumber(nodes: ReadonlyMap<number, GraphNode>, spans: readonly Span[]): number {
  const numbers = [...nodes.keys(), ...spans.flatMap(({ node }) => node ?? [])];
  return 1 + numbers.reduce((most, number) => Math.max(most, number), 0);
}
