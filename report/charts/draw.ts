import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { html, type Markup, trusted } from '../html.ts';

/** Colour of an arm. It is a variable of the page's style, so that one drawing works for light and dark. */
export const armColour = (arms: readonly string[], arm: string | null): string =>
  arm === null ? 'var(--ink-2)' : `var(--arm-${Math.max(0, arms.indexOf(arm)) % 5})`;

const FONT = 'var(--sans)';

/** Plain axes, a light grid and no frame, so that the data stand out. */
const CONFIG: TopLevelSpec['config'] = {
  background: 'transparent',
  font: FONT,
  view: { stroke: null },
  axis: {
    labelColor: 'var(--ink-2)',
    titleColor: 'var(--ink-2)',
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 11,
    gridColor: 'var(--rule)',
    domainColor: 'var(--rule-2)',
    tickColor: 'var(--rule-2)',
    titlePadding: 8,
    labelPadding: 4,
  },
  axisX: { grid: false, tickSize: 4 },
  axisY: { domain: false, ticks: false },
  legend: { disable: true },
};

/**
 * Draws a Vega-Lite specification as inline SVG, without a browser and without a canvas.
 * @param description - text for readers who cannot see the chart; its numbers belong into a table beside it
 */
export async function drawChart(spec: TopLevelSpec, description: string): Promise<Markup> {
  const view = new View(parse(compile({ ...spec, config: CONFIG } as TopLevelSpec).spec), { renderer: 'none' });
  try {
    return trusted(labelled(await view.toSVG(), description));
  } finally {
    view.finalize();
  }
}

/** Names the picture, hides its parts from screen readers (Vega gives each mark a role), and lets it shrink. */
function labelled(svg: string, description: string): string {
  const name = html`role="img" aria-label="${description}"`.text;
  return svg
    .replace(/ (role|aria-[a-z]+)="[^"]*"/g, '')
    .replace(/<svg /, `<svg ${name} `)
    .replace(/(<svg [^>]*>)/, `$1${html`<title>${description}</title>`.text}`);
}
