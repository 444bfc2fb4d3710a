import { count, duration, plain, several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { PublishedReport, StageFacts } from '../report-schema.ts';
import { folded, htmlTable, section } from './parts.ts';

/** Time and attempts by stage. */
export function stagesSection({ provenance }: Pick<PublishedReport, 'provenance'>): Markup {
  const seconds = provenance.map(({ made }) => made?.seconds ?? 0);
  const longest = Math.max(0, ...seconds);
  const total = seconds.reduce((sum, one) => sum + one, 0);
  return section(
    'stages',
    'Time and attempts',
    html`<p>${several(provenance.length, 'stage')}, ${duration(total)} in total (stages of different arms may have run at the same time). A stage that an earlier campaign had finished shows the time that it took then.</p>`,
    htmlTable(
      'From start to finish of each stage. Attempts count every execution, including preempted ones.',
      ['Stage', 'Time', '', 'Attempts', 'Pods', 'Started (UTC)', 'Counts'],
      provenance.map((stage) => row(stage, longest)),
    ),
  );
}

function row({ name, reused, made }: StageFacts, longest: number): (Markup | string | number | null)[] {
  if (made === null) return [name, null, null, null, null, null, 'its manifest is damaged or lost'];
  return [
    reused ? html`${name} <small>reused</small>` : name,
    duration(made.seconds),
    html`<span class="bar" style="width:${longest === 0 ? 0 : ((100 * made.seconds) / longest).toFixed(1)}px"></span>`,
    made.attempt + 1,
    made.parts,
    made.startedAt.slice(0, 16).replace('T', ' '),
    html`<span class="counts">${Object.entries(made.counts).map(([what, value], at) => `${at > 0 ? ', ' : ''}${count(value)} ${plain(what)}`)}</span>`,
  ];
}

/** What the results came from, in full. */
export function provenanceSection(report: PublishedReport): Markup {
  const { provenance, key, codeVersion, domain, policy, seed } = report;
  return section(
    'provenance',
    'Provenance',
    html`<p>The key of a stage names everything that its result depends on; the digest names the result. Results with equal digests are equal, whenever and wherever they were made. All numbers of this page are in <code>report.json</code> beside it.</p>`,
    facts({ 'Key of the report': key, 'Code version': codeVersion, Seed: String(seed) }),
    folded('Domain and model', json({ domain, policy })),
    ...provenance.map(oneStage),
  );
}

function oneStage({ name, key, digest, made }: StageFacts): Markup {
  if (made === null) return folded(name, facts({ key, digest }));
  const { codeVersion, seed, config } = made;
  return folded(name, facts({ key, digest, 'code version': codeVersion, seed: String(seed) }), json(config));
}

const facts = (values: Readonly<Record<string, string>>): Markup =>
  html`<dl class="provenance">${Object.entries(values).map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${value}</code></dd></div>`)}</dl>`;

const json = (value: unknown): Markup => html`<pre tabindex="0"><code>${JSON.stringify(value, null, 2)}</code></pre>`;
