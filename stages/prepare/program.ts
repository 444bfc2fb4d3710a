import type { StageContext, StageProgram } from '../context.ts';
import { StageExit } from '../exits.ts';
import { prepareFromFiles } from './from-files.ts';
import { prepareGenerated, pythonGenerator } from './generated.ts';
import { type Prepared, writePrepared } from './prepared.ts';
import { SET_NAMES, type SetName, sharedId } from './sets.ts';

/** Deduplicated, split problems: what is searched, what the curriculum chooses from, what is measured; and a card of what became of all. */
export const prepare: StageProgram<'prepare'> = async (context) => {
  if (context.part > 0) return { files: [], counts: {} }; // duplicates are found across all sets, so one pod does it all
  const prepared = await prepareData(context);
  const { sets, counts } = prepared;
  for (const name of SET_NAMES) refuseUnusable(name, sets[name].length, sharedId(sets[name]));
  const files = await writePrepared(context, prepared);
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

function refuseUnusable(set: SetName, problems: number, shared: string | null): void {
  if (problems === 0) {
    throw new StageExit(
      'InvalidInput',
      `data: expected problems for ${set}, but after setting aside, removing duplicates and benchmark problems none is left`,
    );
  }
  if (shared !== null) {
    throw new StageExit(
      'InvalidInput',
      `data: expected ids that differ, but several problems of ${set} are called "${shared}"; name another field as id, or none`,
    );
  }
}
