import { join } from 'node:path';
import { type Counts, FILES } from '../../spec/index.ts';
import type { StageContext, StageProgram } from '../context.ts';
import { StageExit } from '../exits.ts';
import { writeJsonl } from '../jsonl.ts';
import { readProblemFiles } from './files.ts';
import { generateSets, pythonGenerator } from './generated.ts';
import { cleaned, type ProblemSets, sharedId } from './sets.ts';

/** Deduplicated, split problems: what is searched, what the curriculum chooses from, what is measured. */
export const prepare: StageProgram<'prepare'> = async (context) => {
  if (context.part > 0) return { files: [], counts: {} }; // duplicates are found across all sets, so one pod does it all
  const gathered = await gather(context);
  const { sets, counts } = cleaned(gathered.sets);
  for (const name of ['search', 'curriculum', 'benchmarks'] as const) {
    refuseUnusable(name, sets[name].length, sharedId(sets[name]));
  }
  const paths = await Promise.all(
    (['search', 'curriculum', 'benchmarks'] as const).map(async (name) => {
      const path = `data/${FILES.prepare[name]}`;
      await writeJsonl(join(context.dir, path), sets[name], context.fence);
      return path;
    }),
  );
  const done = sets.search.length + sets.curriculum.length + sets.benchmarks.length;
  context.report({ unit: 'problem', done, total: done });
  return { files: paths, counts: { ...gathered.counts, ...counts } };
};

async function gather({ stage, log, signal }: StageContext<'prepare'>): Promise<{ sets: ProblemSets; counts: Counts }> {
  if (stage.data.type === 'generated') {
    return { sets: await generateSets(stage.data, stage.seed, pythonGenerator(stage, signal)), counts: {} };
  }
  const { sets, badRecords } = await readProblemFiles(stage.data, stage.seed, log);
  return { sets, counts: { badRecords } };
}

function refuseUnusable(set: keyof ProblemSets, problems: number, shared: string | null): void {
  if (problems === 0) {
    throw new StageExit(
      'InvalidInput',
      `data: expected problems for ${set}, but after removing duplicates and benchmark problems none is left`,
    );
  }
  if (shared !== null) {
    throw new StageExit(
      'InvalidInput',
      `data: expected ids that differ, but several problems of ${set} are called "${shared}"`,
    );
  }
}
