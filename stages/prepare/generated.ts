import { execa } from 'execa';
import { type Data, FAILURES, Problem, parseOrRefuse, type StageFileOf } from '../../spec/index.ts';
import { StageExit } from '../exits.ts';
import { pythonCommand, pythonEnvironment } from '../python.ts';
import { seedFor } from '../random.ts';
import type { ProblemSets } from './sets.ts';

type GeneratedData = Extract<Data, { type: 'generated' }>;

/** Name of the benchmark that is generated. */
export const HELD_OUT = 'held-out';

/** Makes `count` problems that all differ. Rejects with StageExit `InvalidInput` where the domain does not have as many. */
export type Generate = (order: { count: number; seed: number; heldOut: boolean }) => Promise<Problem[]>;

/**
 * Has the domain make the three sets. Search problems and curriculum prompts are two stretches of one series, so they share none; where
 * the domain is too small for that, they are two series that may overlap.
 * @throws StageExit `InvalidInput` when the domain is too small even so
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

/** Generates by the domain's Python side: `python -m orrery_trainers.problems`, one problem a line. */
export function pythonGenerator({ domain, name }: StageFileOf<'prepare'>, signal: AbortSignal): Generate {
  return async ({ count, seed, heldOut }) => {
    const [program, ...args] = pythonCommand(
      'orrery_trainers.problems',
      ...['--domain', domain.name, '--count', String(count), '--seed', String(seed)],
      ...(heldOut ? ['--held-out'] : []),
      ...['--settings', JSON.stringify(domain.settings)],
    );
    const made = await execa(program, args, {
      ...{ env: pythonEnvironment(), cancelSignal: signal, reject: false, maxBuffer: 1 << 30, timeout: 30 * 60_000 },
    });
    signal.throwIfAborted();
    if (made.failed) {
      const said = made.stderr?.trim().split('\n').at(-1) || made.shortMessage;
      const refused = made.exitCode === FAILURES.InvalidInput.exitCode;
      throw refused
        ? new StageExit('InvalidInput', said ?? 'no reason')
        : new Error(`${name}: making problems failed: ${said}`);
    }
    const lines = made.stdout.split('\n').filter((line) => line !== '');
    return lines.map((line) => parseOrRefuse(Problem, JSON.parse(line), `a problem of domain ${domain.name}`));
  };
}
