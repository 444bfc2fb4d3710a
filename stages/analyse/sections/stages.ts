import { html, type Markup } from '../html.ts';
import type { Report, StageFacts } from '../report-schema.ts';
import { count, duration, plain, several } from '../words.ts';
import { folded, section, table } from './parts.ts';

/** Time and attempts by stage. */
export function stagesSection({ stages }: Report): Markup {
  const longest = Math.max(0, ...stages.map(({ seconds }) => seconds));
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);
  return section(
    'stages',
    'Time and attempts',
    html`<p>${several(stages.length, 'stage')}, ${duration(total)} in all when they are added up (stages of different arms may have run side by side). A stage that an earlier campaign had finished shows the time that it took then.</p>`,
    table(
      'From start to finish of each stage; attempts count every execution, those that were preempted too.',
      ['Stage', 'Time', '', 'Attempts', 'Pods', 'Started (UTC)', 'Counts'],
      stages.map((stage) => [
        stage.name,
        duration(stage.seconds),
        html`<span class="bar" style="width:${longest === 0 ? 0 : ((100 * stage.seconds) / longest).toFixed(1)}px"></span>`,
        stage.attempt + 1,
        stage.parts,
        stage.startedAt.slice(0, 16).replace('T', ' '),
        html`<span class="counts">${Object.entries(stage.counts).map(([name, value], at) => `${at > 0 ? ', ' : ''}${count(value)} ${plain(name)}`)}</span>`,
      ]),
    ),
  );
}

/** What the results came from, to the last digit. */
export function provenanceSection({ stages, key, codeVersion, domain, policy, seed }: Report): Markup {
  return section(
    'provenance',
    'Provenance',
    html`<p>The key of a stage names everything that its result depends on; the digest names the result. Equal digests are equal results, whenever and wherever they were made. All numbers of this page are in <code>report.json</code> beside it.</p>`,
    html`<dl class="provenance">${Object.entries({
      'Key of the report': key,
      'Code version': codeVersion,
      Seed: String(seed),
    }).map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${value}</code></dd></div>`)}</dl>`,
    folded('Domain and model', json({ domain, policy })),
    ...stages.map(oneStage),
  );
}

function oneStage(stage: StageFacts): Markup {
  const facts = { key: stage.key, digest: stage.digest, 'code version': stage.codeVersion, seed: String(stage.seed) };
  return folded(
    stage.name,
    html`<dl class="provenance">${Object.entries(facts).map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${value}</code></dd></div>`)}</dl>`,
    json(stage.config),
  );
}

const json = (value: unknown): Markup => html`<pre tabindex="0"><code>${JSON.stringify(value, null, 2)}</code></pre>`;
