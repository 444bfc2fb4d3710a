import { z } from 'zod';

/** The results table of a report as text. This schema covers only the fields of `report.json` that the table shows. */

const Estimate = z.object({ value: z.number().nullable(), low: z.number().nullable(), high: z.number().nullable() });
type Estimate = z.infer<typeof Estimate>;

export const ReportSummary = z.object({
  headline: z.object({ sentence: z.string(), details: z.array(z.string()) }),
  results: z.array(
    z.object({
      label: z.string(),
      benchmark: z.string().nullable(),
      problems: z.number(),
      greedy: Estimate,
      passAt1: Estimate,
      completionTokens: z.number().nullable(),
      backtracks: z.number().nullable(),
    }),
  ),
});
export type ReportSummary = z.infer<typeof ReportSummary>;

const HEADINGS = ['policy', 'benchmark', 'problems', 'pass@1', 'greedy', 'tokens', 'backtracks'] as const;
/** The first columns hold text and are left-aligned. The others hold numbers and are right-aligned. */
const TEXT_COLUMNS = 2;

/**
 * One row per policy and benchmark (accuracy in percent with its interval), then the headline of the report and its
 * details.
 */
export function resultLines({ headline, results }: ReportSummary): string[] {
  const rows = results.map((row) => [
    row.label,
    row.benchmark ?? 'all',
    String(row.problems),
    percent(row.passAt1),
    percent(row.greedy),
    rounded(row.completionTokens),
    rounded(row.backtracks),
  ]);
  return [
    ...resultTable([HEADINGS, ...rows]),
    '',
    headline.sentence,
    ...headline.details.map((detail) => `- ${detail}`),
  ];
}

function resultTable(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < TEXT_COLUMNS ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

function percent({ value, low, high }: Estimate): string {
  if (value === null) return '-';
  const shown = (fraction: number) => (fraction * 100).toFixed(1);
  return low === null || high === null ? shown(value) : `${shown(value)} (${shown(low)} to ${shown(high)})`;
}

const rounded = (value: number | null): string => (value === null ? '-' : value.toFixed(1));
