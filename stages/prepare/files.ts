import { basename, resolve } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Data, Problem, ProblemFile } from '../../spec/index.ts';
import { StageExit } from '../exits.ts';
import { readJsonLines } from '../jsonl.ts';
import { PROJECT } from '../python.ts';
import { random, seedFor, shuffled } from '../random.ts';
import type { ProblemSets } from './sets.ts';
import { idOfText } from './text.ts';

type FileData = Extract<Data, { type: 'files' }>;

/** A value that can be a problem's text or answer. Files hold answers as numbers too. */
const Text = z
  .union([z.string(), z.number()])
  .transform((value) => String(value).trim())
  .pipe(z.string().min(1));

/**
 * Reads the problem sets of a campaign from its files. The searched sets are the candidates of the curriculum where it names none.
 * @returns the sets, and how many records were dropped because they lack a field
 * @throws StageExit `InvalidInput` naming file and line when a file is not there, not JSONL, or holds no problem at all
 */
export async function readProblemFiles(
  data: FileData,
  seed: number,
  log: Logger,
): Promise<{ sets: ProblemSets; badRecords: number }> {
  let badRecords = 0;
  const readSets = async (files: readonly ProblemFile[]): Promise<Problem[]> => {
    const problems: Problem[] = [];
    for (const file of files) {
      const read = await readProblemFile(file, seed, log);
      badRecords += read.badLines.length;
      problems.push(...read.problems);
    }
    return problems;
  };
  const benchmarks = await readSets(data.benchmarks);
  const search = await readSets(data.search);
  const curriculum = data.curriculum.length > 0 ? await readSets(data.curriculum) : search;
  return { sets: { search, curriculum, benchmarks }, badRecords };
}

/**
 * Reads one problem set. A record without a problem or an answer is dropped and named in the log; a line that is not JSON means that the
 * file is not what it should be, and stops.
 */
export async function readProblemFile(
  file: ProblemFile,
  seed: number,
  log: Logger,
): Promise<{ problems: Problem[]; badLines: number[] }> {
  const path = resolve(PROJECT, file.path);
  const Record = z.object({ [file.fields.problem]: Text, [file.fields.answer]: Text });
  const problems: Problem[] = [];
  const badLines: number[] = [];
  for await (const { line, value } of readJsonLines(path)) {
    const record = Record.safeParse(value);
    if (record.success) {
      const problem = record.data[file.fields.problem] as string;
      const reference = record.data[file.fields.answer] as string;
      problems.push({ id: idOfText(file.name, problem), problem, reference, source: file.name });
    } else badLines.push(line);
  }
  const { problem, answer } = file.fields;
  if (problems.length === 0) {
    throw new StageExit(
      'InvalidInput',
      `${path}: expected records with "${problem}" and "${answer}", but none of its ${badLines.length} records has both; set data's fields`,
    );
  }
  if (badLines.length > 0) {
    const facts = { file: basename(path), lines: badLines.slice(0, 20), dropped: badLines.length };
    log.warn(facts, `records without "${problem}" or "${answer}" are dropped`);
  }
  const order = shuffled(problems, random(seedFor(seed, 'shuffle', file.name)));
  return { problems: file.limit === undefined ? problems : order.slice(0, file.limit), badLines };
}
