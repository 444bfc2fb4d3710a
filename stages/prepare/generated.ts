import { execa } from 'execa';
import type { Data } from '../../spec/data.ts';
import type { Contamination } from '../../spec/data-card.ts';
import { parseOrRefuse } from '../../spec/errors.ts';
import { FAILURES } from '../../spec/failure-table.ts';
import { Problem } from '../../spec/records.ts';
import type { StageFileOf } from '../../spec/stage-file.ts';
import { StageExit } from '../runtime/exits.ts';
import { pythonCommand, pythonEnvironment } from '../runtime/python.ts';
import { seedFor } from '../runtime/random.ts';
import { stepOf } from './counts.ts';
import { type ProblemSets, SET_NAMES, type SetName, withoutEquals } from './sets.ts';
import { normalised } from './text.ts';
import type { Prepared } from './write-prepared.ts';

type GeneratedData = Extract<Data, { type: 'generated' }>;

/** Name of the benchmark that is generated. */
export const HELD_OUT = 'held-out';

/**
 * Generates `count` different problems. Rejects with StageExit `InvalidInput` when the domain does not have that many.
 */
export type Generate = (order: { count: number; seed: number; heldOut: boolean }) => Promise<Problem[]>;

/**
 * Lets the domain generate the three sets. Search problems and curriculum prompts are two parts of one series, so they
 * have no problem in common. When the domain is too small for that, they are two series that may overlap.
 * @throws StageExit `InvalidInput` when the domain is too small even for that
 */
export async function generateSets(data: GeneratedData, seed: number, generate: Generate): Promise<ProblemSets> {
  const series = (purpose: string, count: number, heldOut = false): Promise<Problem[]> =>
    generate({ count, seed: seedFor(seed, 'problems', purpose), heldOut });
  const { searchProblems, curriculumPrompts, benchmarkProblems } = data;
  const heldOut = await series('benchmarks', benchmarkProblems, true);
  const benchmarks = heldOut.map((problem) => ({ ...problem, source: HELD_OUT }));
  try {
    const trainable = await series('search', searchProblems + curriculumPrompts);
    return { search: trainable.slice(0, searchProblems), curriculum: trainable.slice(searchProblems), benchmarks };
  } catch (error) {
    if (!(error instanceof StageExit && error.failure === 'InvalidInput')) throw error;
  }
  const search = await series('search', searchProblems);
  const curriculum = await series('curriculum', curriculumPrompts);
  return { search, curriculum, benchmarks };
}

/**
 * Generated sets without equal problems and without benchmark problems. Generated problems are alike by nature, so only
 * equal texts are removed.
 */
export async function prepareGenerated(
  { seed }: Pick<StageFileOf<'prepare'>, 'seed'>,
  data: GeneratedData,
  generate: Generate,
): Promise<Prepared> {
  const made = await generateSets(data, seed, generate);
  const found = cleanedByText(made);
  const { sets, counts, duplicates, contamination } = found;
  return {
    sets,
    counts,
    duplicates,
    contamination,
    setAside: [],
    card: {
      schemaVersion: 1,
      seed,
      files: [],
      suspects: 0,
      setAside: {},
      rules: { checkedByVerifier: false, nearDuplicates: null, decontamination: null },
      sets: SET_NAMES.map((set) => ({ set, steps: [stepOf('problems', made[set]), stepOf('kept', sets[set])] })),
    },
  };
}

/** Removes equal texts within each set, and texts of the benchmarks from the other sets. Pure. */
export function cleanedByText(made: ProblemSets): Pick<Prepared, 'sets' | 'counts' | 'duplicates' | 'contamination'> {
  const answered = (problems: readonly Problem[]) =>
    problems.map((problem) => ({ ...problem, file: 'generated', at: problem.id, canonical: '' }));
  const unequal = (set: SetName) => withoutEquals(set, answered(made[set]));
  const benchmarks = unequal('benchmarks');
  const [search, curriculum] = (['search', 'curriculum'] as const).map((set) => {
    const { left, duplicates } = unequal(set);
    return { duplicates, ...withoutEqualBenchmarks(set, left, benchmarks.left) };
  }) as [Trainable, Trainable];
  const searched = new Set(search.left.map(({ problem }) => normalised(problem)));
  return {
    sets: { search: search.left, curriculum: curriculum.left, benchmarks: benchmarks.left },
    duplicates: [...search.duplicates, ...curriculum.duplicates, ...benchmarks.duplicates],
    contamination: [...search.contamination, ...curriculum.contamination],
    counts: {
      search: search.left.length,
      searchDuplicates: search.duplicates.length,
      searchInBenchmarks: search.contamination.length,
      curriculum: curriculum.left.length,
      curriculumDuplicates: curriculum.duplicates.length,
      curriculumInBenchmarks: curriculum.contamination.length,
      curriculumAlsoSearched: curriculum.left.filter(({ problem }) => searched.has(normalised(problem))).length,
      benchmarks: benchmarks.left.length,
      benchmarkDuplicates: benchmarks.duplicates.length,
    },
  };
}

type Trainable = ReturnType<typeof withoutEqualBenchmarks> & Pick<ReturnType<typeof withoutEquals>, 'duplicates'>;

function withoutEqualBenchmarks(set: SetName, problems: readonly Problem[], benchmarks: readonly Problem[]) {
  const byText = new Map(benchmarks.map((one) => [normalised(one.problem), one]));
  const contamination: Contamination[] = [];
  const left = problems.filter(({ id, problem }) => {
    const benchmark = byText.get(normalised(problem));
    if (benchmark === undefined) return true;
    contamination.push({
      set,
      id,
      problem,
      benchmark: benchmark.source,
      benchmarkId: benchmark.id,
      benchmarkProblem: benchmark.problem,
      shared: normalised(problem),
      overlap: 1,
      removed: true,
    });
    return false;
  });
  return { left, contamination };
}

/**
 * Generates problems by the domain's Python side: `python -m orrery_trainers.domains.problems`, one problem on each
 * line.
 */
export function pythonGenerator({ domain, name }: StageFileOf<'prepare'>, signal: AbortSignal): Generate {
  return async ({ count, seed, heldOut }) => {
    const options = { domain: domain.name, count, seed, settings: JSON.stringify(domain.settings) };
    const [program, ...args] = pythonCommand(
      'orrery_trainers.domains.problems',
      ...Object.entries(options).map(([option, value]) => `--${option}=${value}`),
      ...(heldOut ? ['--held-out'] : []),
    );
    const made = await execa(program, args, {
      env: pythonEnvironment(),
      cancelSignal: signal,
      reject: false,
      maxBuffer: 1 << 30,
      timeout: 30 * 60_000,
    });
    signal.throwIfAborted();
    if (made.failed) {
      const lastLine = made.stderr?.trim().split('\n').at(-1) || made.shortMessage;
      const refused = made.exitCode === FAILURES.InvalidInput.exitCode;
      throw refused
        ? new StageExit('InvalidInput', lastLine ?? 'no reason')
        : new Error(`${name}: generating problems failed: ${lastLine}`);
    }
    const lines = made.stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => parseOrRefuse(Problem, JSON.parse(line), `a problem of domain ${domain.name}`));
  };
}
