import { basename, join } from 'node:path';
import type { Counts } from '../../spec/manifest.ts';
import { FILES } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/index.ts';
import { readJsonLines } from '../io/jsonl.ts';
import { StageExit } from './exits.ts';

/** Counts that say together how many records a file has; a file that is not here is not compared. */
const RECORDS: Partial<Record<StageKind, Readonly<Record<string, readonly string[]>>>> = {
  prepare: Object.fromEntries(Object.entries(FILES.prepare).map(([set, file]) => [file, [set]])),
  search: { [FILES.search.trees]: ['problems'] },
  linearise: { [FILES.linearise.traces]: ['traces'], [FILES.linearise.selfEvaluations]: ['rightSolutions'] },
  rewrite: { [FILES.rewrite.solutions]: ['solutions'], [FILES.rewrite.dropped]: ['droppedSolutions'] },
  curriculum: { [FILES.curriculum.passRates]: ['candidates'] },
  evaluate: { [FILES.evaluate.completions]: ['completions', 'greedyCompletions'] },
};

/**
 * Reads what a part is about to publish once more: every record is JSON, and there are as many as its counts say.
 * @param files - relative to `dir`
 * @throws Error naming the file, what was expected and what came: a crash, for another attempt may write it whole
 */
export async function lookAgain(kind: StageKind, dir: string, files: readonly string[], counts: Counts): Promise<void> {
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
    // What we have written ourselves is no input that a person could mend.
    throw error instanceof StageExit ? new Error(`not published: ${error.message}`) : error;
  }
  return records;
}
