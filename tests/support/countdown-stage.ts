import { join } from 'node:path';
import { pino } from 'pino';
import { loadDomain } from '../../domains/domain.ts';
import { STAGE_CONFIGS, type StageFileOf, type StageKind } from '../../spec/index.ts';
import { writeJsonl } from '../../stages/io/jsonl.ts';
import type { ProgressReport, StageContext } from '../../stages/runtime/context.ts';

/** Settings of a countdown stage in a test. `records` are the lines of its only input. */
export interface CountdownStage {
  readonly dir: string;
  readonly config: object;
  readonly records: readonly unknown[];
  readonly attempt?: number | undefined;
  readonly part?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A context of a countdown stage in a folder, with a real journal and real files, but no runtime. A list collects its
 * reports.
 */
export async function countdownStage<K extends StageKind>(
  kind: K,
  { dir, config, records, attempt = 0, part = 0, signal = new AbortController().signal }: CountdownStage,
): Promise<StageContext<K> & { readonly reports: ProgressReport[] }> {
  const input = join(dir, 'input.jsonl');
  await writeJsonl(input, records);
  const parsed = STAGE_CONFIGS[kind].parse(config);
  const stage = { kind, name: kind, seed: 7, config: parsed, domain: { name: 'countdown', settings: {} } };
  const reports: ProgressReport[] = [];
  return {
    attempt,
    part,
    parts: parsed.run.shards,
    dir,
    signal,
    reports,
    stage: stage as unknown as StageFileOf<K>,
    domain: await loadDomain('countdown'),
    log: pino({ level: 'silent' }),
    inputFiles: () => [input],
    report: (progress) => void reports.push(progress),
    fence: async () => {},
  };
}
