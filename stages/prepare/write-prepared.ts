import { join } from 'node:path';
import type { Contamination, DataCard, Duplicate, SetAside } from '../../spec/data-card.ts';
import type { Counts } from '../../spec/manifest.ts';
import { FILES, Problem } from '../../spec/records.ts';
import { publishFile } from '../../store/files.ts';
import { writeJsonl } from '../io/jsonl.ts';
import type { StageContext } from '../runtime/context.ts';
import { type ProblemSets, SET_NAMES } from './sets.ts';

/** All results of the stage. */
export interface Prepared {
  readonly sets: ProblemSets;
  readonly card: DataCard;
  readonly setAside: readonly SetAside[];
  readonly duplicates: readonly Duplicate[];
  readonly contamination: readonly Contamination[];
  readonly counts: Counts;
}

/** Writes the results below `data/`. @returns the paths, relative to the stage's folder */
export async function writePrepared(
  { dir, fence }: Pick<StageContext<'prepare'>, 'dir' | 'fence'>,
  prepared: Prepared,
): Promise<string[]> {
  const { sets, card, setAside, duplicates, contamination } = prepared;
  const lists = [
    // Parsed, to drop the fields that only the preparation needs.
    ...SET_NAMES.map((set) => [FILES.prepare[set], sets[set].map((problem) => Problem.parse(problem))] as const),
    [FILES.dataCard.setAside, setAside],
    [FILES.dataCard.duplicates, duplicates],
    [FILES.dataCard.contamination, contamination],
  ] as const;
  const paths: string[] = [];
  for (const [name, records] of lists) {
    await writeJsonl(join(dir, 'data', name), records, fence);
    paths.push(`data/${name}`);
  }
  const path = `data/${FILES.dataCard.card}`;
  await publishFile(join(dir, path), (file) => file.writeFile(`${JSON.stringify(card, null, 2)}\n`), fence);
  return [...paths, path];
}
