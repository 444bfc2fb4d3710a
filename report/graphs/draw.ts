import { several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { GraphEdge, SolutionGraph } from '../report-schema.ts';
import type { Curve } from './corrections.ts';
import { layOut } from './layout.ts';
import type { PlacedNode, Position } from './positions.ts';

/** Arrow heads, once for each page. The drawings refer to them. */
export const ARROW_HEADS = html`<svg width="0" height="0" class="defs" aria-hidden="true"><defs>${(
  ['transition', 'reflection', 'correction'] as const
).map(
  (kind) =>
    html`<marker id="arrow-${kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto-start-reverse"><path d="M0 0.5 L8 4 L0 7.5 z" class="head ${kind}"/></marker>`,
)}</defs></svg>`;

/** Smallest scale of a drawing that must fit its column. A larger drawing scrolls, because labels must stay legible. */
const LEAST_SCALE = 0.85;

/**
 * A solution's graph as inline SVG. Colours come from the page's style by class.
 * @returns the picture, and its width in pixels at full size
 */
export function drawGraph({ title, nodes, edges }: SolutionGraph): { picture: Markup; width: number } {
  const { box, ...placed } = layOut(nodes, edges);
  const description = `${title} as a graph: ${describeEdges(edges, nodes.length)}.`;
  const nodeOf = new Map(placed.nodes.map((node) => [node.id, node]));
  const size = [box.width, box.height].map(Math.ceil);
  const picture = html`<svg class="graph" role="img" aria-label="${description}" width="${size[0]}" height="${size[1]}" style="min-width:${Math.round(LEAST_SCALE * box.width)}px" viewBox="${[box.x, box.y].map(Math.floor).join(' ')} ${size.join(' ')}"><title>${description}</title>${[
    ...placed.transitions.map((points) => drawEdge('transition', smooth(points))),
    ...placed.corrections.map((curve) => drawEdge('correction', bezier(curve))),
    ...placed.nodes.map(drawNode),
    ...reflections(edges).map(([id, loops]) => drawLoop(nodeOf.get(id), loops)),
  ]}</svg>`;
  return { picture, width: box.width };
}

function describeEdges(edges: readonly GraphEdge[], nodes: number): string {
  const number = (kind: GraphEdge['kind']) => edges.filter((edge) => edge.kind === kind).length;
  return [
    several(nodes - 1, 'step'),
    several(number('transition'), 'transition'),
    several(number('reflection'), 'reflection'),
    several(number('correction'), 'correction'),
  ].join(', ');
}

function drawEdge(kind: GraphEdge['kind'], path: string): Markup {
  return html`<path class="edge ${kind}" d="${path}" marker-end="url(#arrow-${kind})"/>`;
}

function drawNode({ kind, text, label, at, width, height }: PlacedNode): Markup {
  return html`<g class="node ${kind}"><title>${text}</title><rect x="${round(at.x - width / 2)}" y="${round(at.y - height / 2)}" width="${round(width)}" height="${height}" rx="6"/><text x="${round(at.x)}" y="${round(at.y + 4)}">${label}</text></g>`;
}

/** Reflections, grouped by their node. */
function reflections(edges: readonly GraphEdge[]): [number, GraphEdge[]][] {
  const loops = edges.filter(({ kind }) => kind === 'reflection');
  return [...Map.groupBy(loops, ({ from }) => from)];
}

const VERDICT_SIGNS = { positive: '✓', negative: '✗', none: '?' };

/** One loop at the right side of the node, with the verdicts beside it in their order. */
function drawLoop(node: PlacedNode | undefined, loops: readonly GraphEdge[]): Markup | null {
  if (node === undefined) return null;
  const x = node.at.x + node.width / 2;
  const { y } = node.at;
  const verdicts = loops.map(({ verdict }) => VERDICT_SIGNS[verdict ?? 'none']).join('');
  const bow = [
    { x: x + 22, y: y - 16 },
    { x: x + 22, y: y + 16 },
  ] as const;
  const path = bezier({ from: { x, y: y - 6 }, controls: bow, to: { x: x + 1, y: y + 6 } });
  return html`${drawEdge('reflection', path)}<text class="verdict" x="${round(x + 21)}" y="${round(y + 4)}">${verdicts}</text>`;
}

function bezier({ from, controls: [near, far], to }: Curve): string {
  const [start, ...rest] = [from, near, far, to].map(({ x, y }) => `${round(x)} ${round(y)}`);
  return `M${start} C${rest.join(' ')}`;
}

/** A smooth curve near the bends: quadratic pieces between the middles of their segments. */
function smooth(points: readonly Position[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return '';
  const inner = rest.slice(0, -1).map((bend, at) => {
    const next = rest[at + 1] ?? last;
    const end = at === rest.length - 2 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    return `Q${round(bend.x)} ${round(bend.y)} ${round(end.x)} ${round(end.y)}`;
  });
  return `M${round(first.x)} ${round(first.y)} ${inner.length > 0 ? inner.join(' ') : `L${round(last.x)} ${round(last.y)}`}`;
}

const round = (pixels: number): number => Math.round(pixels * 10) / 10;

/** The solution's text, with its spans in the colours of the edges. */
export function drawText({ text, spans }: Pick<SolutionGraph, 'text' | 'spans'>): Markup {
  const pieces: Markup[] = [];
  let at = 0;
  for (const { from, to, kind } of spans) {
    if (from < at || to > text.length) continue; // overlapping spans would print text twice
    pieces.push(
      html`${at === 0 ? text.slice(0, from).trimStart() : text.slice(at, from)}<span class="${kind}">${text.slice(from, to)}</span>`,
    );
    at = to;
  }
  return html`<p class="solution">${pieces}${text.slice(at)}</p>`;
}
