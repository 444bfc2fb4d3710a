import { FILES } from '../../spec/records.ts';
import type { StageContext, StageProgram } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import { prepareFromFiles } from './from-files.ts';
import { prepareGenerated, pythonGenerator } from './generated.ts';
import { SET_NAMES, type SetName, sharedId } from './sets.ts';
import { type Prepared, writePrepared } from './write-prepared.ts';

/**
 * Stage `prepare`: deduplicated and split problems for the search, the curriculum and the benchmarks, and a data card
 * that accounts for every record.
 */
export const prepare: StageProgram<'prepare'> = async (context) => {
  // One pod does all the work, because duplicates are found across all sets.
  if (context.part > 0) return { files: [], counts: {} };
  const prepared = await prepareData(context);
  const { sets, counts } = prepared;
  for (const name of SET_NAMES) refuseSharedId(name, sharedId(sets[name]));
  const files = await writePrepared(context, prepared);
  // Checked after the lists are written, because they say what happened to every record.
  refuseEmpty(prepared);
  const done = sets.search.length + sets.curriculum.length + sets.benchmarks.length;
  context.report({ unit: 'problem', done, total: done });
  return { files, counts };
};

function prepareData(context: StageContext<'prepare'>): Promise<Prepared> {
  const { stage, signal } = context;
  return stage.data.type === 'files'
    ? prepareFromFiles(context, stage.data)
    : prepareGenerated(stage, stage.data, pythonGenerator(stage, signal));
}

function refuseEmpty({ sets, counts }: Prepared): void {
  const empty = SET_NAMES.filter((name) => sets[name].length === 0);
  if (empty.length === 0) return;
  const lost = Object.entries(counts).flatMap(([name, count]) =>
    count > 0 && !(name in sets) ? [`${name} ${count}`] : [],
  );
  throw new StageExit(
    'NoEffect',
    `data: expected problems for ${empty.join(' and ')}, but after setting aside, removing duplicates and benchmark problems none is left (${lost.join(', ') || 'there was none'}); data/${FILES.dataCard.setAside}, ${FILES.dataCard.duplicates} and ${FILES.dataCard.contamination} of this stage name every record. Another attempt gives the same result: change data or stages.prepare, then cancel the campaign and submit it again`,
  );
}

function refuseSharedId(set: SetName, shared: string | null): void {
  if (shared === null) return;
  throw new StageExit(
    'InvalidInput',
    `data: expected different ids, but several problems of ${set} have the id "${shared}"; name another field as id, or none`,
  );
}
