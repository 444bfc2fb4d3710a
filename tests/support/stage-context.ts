import { pino } from 'pino';
import { loadDomain } from '../../domains/domain.ts';
import type { StageFileOf, StageKind } from '../../spec/index.ts';
import type { ProgressReport, StageContext } from '../../stages/runtime/context.ts';
import { TEST_DOMAINS } from './stage-process.ts';
import { aStageFile, type StageSketch } from './stored-stage.ts';

/** A stage context without a runtime. It collects reports, and has neither fence nor log. */
export async function aStageContext<K extends StageKind>(
  sketch: StageSketch & { kind: K },
  dir: string,
  overrides: Partial<StageContext<K>> = {},
): Promise<StageContext<K> & { readonly reports: ProgressReport[] }> {
  process.env.ORRERY_DOMAINS = TEST_DOMAINS;
  const reports: ProgressReport[] = [];
  const stage = aStageFile(sketch) as StageFileOf<K>;
  return {
    stage,
    attempt: 0,
    part: 0,
    parts: 1,
    dir,
    reports,
    domain: await loadDomain(stage.domain.name),
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    inputFiles: () => [],
    report: (progress) => void reports.push(progress),
    fence: async () => {},
    ...overrides,
  };
}
