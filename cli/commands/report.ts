import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { visibleText } from '../../spec/index.ts';
import { findReport, readReport } from '../report.ts';
import { ReportSummary, resultLines } from '../results.ts';

/** `report`: the results table and the path of the report. */
export async function report(id: string, options: { open?: true; json?: true }): Promise<ExitCode> {
  const paths = findReport(id);
  const content = await readReport(id);
  if (options.json) {
    console.log(JSON.stringify(content, null, 2));
  } else {
    console.log([...resultLines(ReportSummary.parse(content)).map(visibleText), '', paths.html].join('\n'));
  }
  if (options.open) await (await import('open')).default(paths.html);
  return EXIT.ok;
}
