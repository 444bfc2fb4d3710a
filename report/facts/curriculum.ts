import type { PassRate } from '../../spec/records.ts';
import { CurriculumConfig } from '../../spec/stages/curriculum.ts';
import type { CurriculumFacts } from '../report-schema.ts';

/** Histogram of the pass rates, with one bin for each possible share of right samples. */
export function curriculumFacts(arm: string, config: unknown, passRates: readonly PassRate[]): CurriculumFacts {
  const parsed = CurriculumConfig.safeParse(config);
  const samples = passRates.reduce((most, passRate) => Math.max(most, passRate.samples), 1);
  const bins = Array.from({ length: samples + 1 }, (_, at) => ({ passRate: at / samples, prompts: 0, kept: 0 }));
  const reasons: Record<string, number> = {};
  for (const { passRate, kept, reason } of passRates) {
    const bin = bins[Math.round(passRate * samples)];
    if (bin === undefined) continue; // never happens: a pass rate is in [0, 1]
    bin.prompts += 1;
    bin.kept += Number(kept);
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
  const window = parsed.success ? parsed.data.passRate : null;
  return { arm, prompts: passRates.length, window, bins, reasons };
}
