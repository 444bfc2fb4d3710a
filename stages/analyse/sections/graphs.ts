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
    html`<p>Nodes are steps in the order of the search tree; the text beside has the same colours. Drawn by lot, by the campaign’s seed, from the solutions that backtrack.</p>`,
    html`<ul class="legend">${EDGES.map(
      ([kind, title]) =>
        html`<li><svg class="key" width="34" height="10" aria-hidden="true"><path class="edge ${kind}" d="M1 5 H31" marker-end="url(#arrow-${kind})"/></svg>${title}</li>`,
    )}</ul>`,
    graphs.map(oneGraph),
  );
}

function oneGraph(graph: SolutionGraph): Markup {
  return html`<article class="drawn"><div class="told"><h3>${graph.title}</h3><p class="origin">${graph.source} · verdict: <span class="verdict-${graph.verdict}">${graph.verdict}</span></p>
<p class="problem">${graph.problem}</p>${drawText(graph)}</div><div class="picture" tabindex="0" role="region" aria-label="Graph of the solution">${drawGraph(graph)}</div></article>`;
}
