import { percent, signedPoints } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Estimate } from '../statistics/estimate.ts';

/** Building blocks of the sections. */

export function section(
  id: string,
  title: string,
  ...body: readonly (Markup | null | readonly (Markup | null)[])[]
): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>`;
}

export function figure(picture: Markup, caption: Markup | string): Markup {
  return html`<figure><figcaption>${caption}</figcaption>${picture}</figure>`;
}

/** A table that scrolls by itself on a narrow page. The first cell of a row is its heading. */
export function htmlTable(
  caption: string,
  headings: readonly string[],
  rows: readonly (readonly (Markup | string | number | null)[])[],
): Markup {
  return html`<div class="table" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${headings.map(
    (heading) => html`<th scope="col">${heading}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([first, ...others]) =>
      html`<tr><th scope="row">${first}</th>${others.map((cell) => html`<td>${cell ?? '–'}</td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** Collapsed content that most readers skip. */
export const folded = (title: string, ...body: readonly (Markup | null)[]): Markup =>
  html`<details><summary>${title}</summary>${body}</details>`;

/** A share with its interval below it, or a dash whose title gives the reason. */
export function shareCell({ value, low, high, reason }: Estimate): Markup {
  if (value === null) return absent(reason);
  return html`${percent(value)}${interval(low, high, (end) => (100 * end).toFixed(1), reason)}`;
}

/** A difference in points with its interval below it. */
export function differenceCell({ value, low, high, reason }: Estimate): Markup {
  if (value === null) return absent(reason);
  return html`${signedPoints(value)}${interval(low, high, signedPoints, reason)}`;
}

/** A plain number with its interval below it. */
export function numberCell({ value, low, high, reason }: Estimate, write: (value: number) => string): Markup {
  if (value === null) return absent(reason);
  return html`${write(value)}${interval(low, high, write, reason)}`;
}

function interval(
  low: number | null,
  high: number | null,
  write: (end: number) => string,
  reason: string | null,
): Markup {
  if (low === null || high === null) return html`<small title="${reason}">no interval</small>`;
  return html`<small>${write(low)} to ${write(high)}</small>`;
}

const absent = (reason: string | null): Markup => html`<span class="absent" title="${reason}">–</span>`;

/** Arm names with their colour in every chart. */
export function legend(entries: readonly { name: string; colour: string }[]): Markup {
  return html`<ul class="legend">${entries.map(
    ({ name, colour }) => html`<li><span class="swatch" style="background:${colour}"></span>${name}</li>`,
  )}</ul>`;
}
