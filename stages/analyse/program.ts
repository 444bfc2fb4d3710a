import { join } from 'node:path';
import { buildReport } from '../../report/build-report.ts';
import { renderPage } from '../../report/page.ts';
import { Report } from '../../report/report-schema.ts';
import { FILES } from '../../spec/records.ts';
import { writeFileAtomic } from '../../store/files.ts';
import type { StageProgram } from '../runtime/context.ts';
import { readCampaign } from './read-campaign.ts';

/**
 * Writes the report of the campaign: `report.json` with every number, and `report.html` for reading. The first sentence
 * of the report comes from `report/facts/headline.ts`.
 */
export const analyse: StageProgram<'analyse'> = async (context) => {
  const unit = 'page';
  context.report({ unit, done: 0, total: 1 });
  const report = Report.parse(buildReport(await readCampaign(context), context.domain));
  const page = await renderPage(report);
  const html = `data/${FILES.analyse.html}`;
  const json = `data/${FILES.analyse.json}`;
  await context.fence();
  await writeFileAtomic(join(context.dir, json), `${JSON.stringify(report, null, 2)}\n`);
  await writeFileAtomic(join(context.dir, html), page);
  context.report({ unit, done: 1, total: 1 });
  context.log.info({ verdict: report.headline.verdict, sentence: report.headline.sentence }, 'report written');
  return {
    files: [html, json],
    counts: {
      stages: report.stages.length,
      evaluations: new Set(report.results.map(({ stage }) => stage)).size,
      graphs: report.graphs.length,
    },
  };
};
