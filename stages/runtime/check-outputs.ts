import { basename, join } from 'node:path';
import type { Counts } from '../../spec/manifest.ts';
import { FILES } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';
import { readJsonLines } from '../io/jsonl.ts';
import { StageExit } from './exits.ts';

/** Counts that add up to the number of records in a file. A file that is not listed is not compared. */
const RECORDS: Partial<Record<StageKind, Readonly<Record<string, readonly string[]>>>> = {
  prepare: Object.fromEntries(Object.entries(FILES.prepare).map(([set, file]) => [file, [set]])),
  search: { [FILES.search.trees]: ['problems'] },
  linearise: { [FILES.linearise.traces]: ['traces'], [FILES.linearise.selfEvaluations]: ['rightSolutions'] },
  rewrite: { [FILES.rewrite.solutions]: ['solutions'], [FILES.rewrite.dropped]: ['droppedSolutions'] },
  curriculum: { [FILES.curriculum.passRates]: ['candidates'] },
  evaluate: { [FILES.evaluate.completions]: ['completions', 'greedyCompletions'] },
};

/**
 * Reads the files that a part is about to publish. Every record must be JSON, and the number of records must match the
 * counts.
 * @param files - relative to `dir`
 * @throws Error naming the file, what was expected and what came. It is a crash, because another attempt may write the
 *   file whole.
 */
export async function checkOutputs(
  kind: StageKind,
  dir: string,
  files: readonly string[],
  counts: Counts,
): Promise<void> {
  for (const file of files.filter((path) => path.endsWith('.jsonl'))) {
    const records = await recordsIn(join(dir, file));
    const names = RECORDS[kind]?.[basename(file).replace(/-\d{5}(?=\.jsonl$)/, '')];
    if (names === undefined) continue;
    const expected = names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
    if (records === expected) continue;
    throw new Error(
      `${file}: expected ${expected} records (${names.join(' + ')}), but it has ${records}; not published`,
    );
  }
}

async function recordsIn(path: string): Promise<number> {
  let records = 0;
  try {
    for await (const _ of readJsonLines(path)) records += 1;
  } catch (error) {
    // This program wrote the file itself, so it is not an input that a person could correct.
    throw error instanceof StageExit ? new Error(`not published: ${error.message}`) : error;
  }
  return records;
}
