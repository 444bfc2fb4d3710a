import { drawGraph, drawText } from '../graphs/draw.ts';
import { html, type Markup } from '../html.ts';
import type { Report, SolutionGraph } from '../report-schema.ts';
import { section } from './parts.ts';

const EDGES: readonly [SolutionGraph['edges'][number]['kind'], string][] = [
  ['transition', 'transition: on to the next step'],
  ['reflection', 'reflection, with its verdict'],
  ['correction', 'correction: back to an earlier step'],
];

/** Solutions as text and as graphs. */
export function graphsSection({ graphs }: Report): Markup {
  if (graphs.length === 0) {
    return section('graphs', 'Solutions as graphs', html`<p>No solution that backtracks was found to draw.</p>`);
  }
  return section(
    'graphs',
    'Solutions as graphs',
    html`<p>Nodes are steps. Branches are drawn from left to right in the order in which they were tried, and the text beside has the same colours. The solutions are drawn by lot, by the campaign’s seed, from those that backtrack.</p>`,
    html`<ul class="legend">${EDGES.map(
      ([kind, title]) =>
        html`<li><svg class="key" width="34" height="10" aria-hidden="true"><path class="edge ${kind}" d="M1 5 H31" marker-end="url(#arrow-${kind})"/></svg>${title}</li>`,
    )}</ul>`,
    graphs.map(oneGraph),
  );
}

/** A wider graph gets its own line below the text. In pixels. */
const WIDEST_BESIDE = 660;

function oneGraph(graph: SolutionGraph): Markup {
  const { picture, width } = drawGraph(graph);
  return html`<article class="drawn${width > WIDEST_BESIDE ? ' wide' : ''}"><div><h3>${graph.title}</h3><p class="origin">${graph.source} · verdict: <span class="verdict-${graph.verdict}">${graph.verdict}</span></p>
<p class="asked">${graph.problem}</p>${drawText(graph)}</div><div class="picture" tabindex="0" role="region" aria-label="Graph of the solution">${picture}</div></article>`;
}
