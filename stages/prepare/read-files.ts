import { basename } from 'node:path';
import type { Logger } from 'pino';
import type { OpenInput } from '../../inputs/index.ts';
import type { Data, ProblemFile } from '../../spec/data.ts';
import type { DataCard, SetAside } from '../../spec/data-card.ts';
import type { Problem } from '../../spec/records.ts';
import { StageExit } from '../runtime/exits.ts';
import { random, seedFor, shuffled } from '../runtime/random.ts';
import { type Counter, counterOf } from './counts.ts';
import { badFile } from './formats/raw.ts';
import { formatOf, readRecords } from './formats/records.ts';
import { type FetchContext, openSource } from './open-source.ts';
import { columnsOf, fieldsOf, readRecord } from './read-record.ts';
import type { SetName } from './sets.ts';
import { idOfText } from './text.ts';

/** Records between two reports of progress. */
const REPORTED_EVERY = 1000;

export type FileData = Extract<Data, { type: 'files' }>;

/** A problem as it was read, with fields that only its preparation needs. */
export interface Candidate extends Problem {
  readonly file: string;
  /** Position in the file. */
  readonly at: string;
  /** Further answers of the record, written differently from the reference. They must agree with it. */
  readonly others: readonly string[];
}

/** One set as it was read. */
export interface ReadSet {
  readonly candidates: readonly Candidate[];
  readonly setAside: readonly SetAside[];
  readonly files: DataCard['files'];
  /** Counts after each step of reading. */
  readonly steps: { readonly records: Counter; readonly problems: Counter; readonly answered: Counter };
}

export interface ReadContext extends FetchContext {
  readonly seed: number;
}

/**
 * Reads the files of one set. Each file is shuffled by the seed and cut to its limit. A record without a required
 * field, or without an answer that can be found, is set aside.
 * @throws StageExit `InvalidInput`, naming file and line, when a file does not exist, does not have its format, or has
 *   no problem at all
 */
export async function readSet(set: SetName, files: readonly ProblemFile[], context: ReadContext): Promise<ReadSet> {
  const read: OneFile[] = [];
  for (const file of files) read.push(await readFile(set, file, context));
  const steps = { records: counterOf(), problems: counterOf(), answered: counterOf() };
  for (const one of read) {
    for (const [step, counter] of Object.entries(steps)) counter.addAll(one.steps[step as keyof typeof steps]);
  }
  return {
    candidates: read.flatMap(({ candidates }) => candidates),
    setAside: read.flatMap(({ setAside }) => setAside),
    files: read.map(({ entry }) => entry),
    steps,
  };
}

interface OneFile extends Omit<ReadSet, 'files'> {
  readonly entry: DataCard['files'][number];
}

async function readFile(set: SetName, file: ProblemFile, context: ReadContext): Promise<OneFile> {
  const format = formatOf(file);
  const { file: source, sha256 } = await openSource(file, context);
  await using opened = source;
  const { path } = file;
  const fields = fieldsOf(file);
  const candidates: Candidate[] = [];
  const setAside: SetAside[] = [];
  const steps = { records: counterOf(), problems: counterOf(), answered: counterOf() };
  const ids = new Map<string, string>();
  for await (const { at, value } of readRecords(opened, format, columnsOf(fields))) {
    context.signal.throwIfAborted();
    const { origin, level, outcome } = readRecord(value, fields);
    // Scores are reported by the name of the benchmark.
    const source = origin === null || set === 'benchmarks' ? file.name : `${file.name}/${origin}`;
    const kind = { source, level };
    const refuse = (reason: SetAside['reason'], detail: string, problem: string | null) =>
      setAside.push({ set, file: basename(path), at, reason, detail, problem });
    steps.records.add(kind);
    if (steps.records.count % REPORTED_EVERY === 0) {
      context.report({ unit: 'record', done: steps.records.count, total: null });
    }
    if (outcome.kind === 'bad') {
      refuse('bad-record', outcome.fault, null);
      continue;
    }
    if (outcome.kind === 'problem' && outcome.id !== null) {
      const taken = ids.get(outcome.id);
      if (taken !== undefined) {
        refuse('bad-record', `its id ${JSON.stringify(outcome.id)} is that of ${taken} too`, outcome.problem);
        continue;
      }
      ids.set(outcome.id, at);
    }
    steps.problems.add(kind);
    if (outcome.kind === 'unanswered') {
      refuse('no-answer', outcome.fault, outcome.problem);
      continue;
    }
    steps.answered.add(kind);
    const { problem, reference, others } = outcome;
    const id = outcome.id === null ? idOfText(file.name, problem) : `${file.name}/${outcome.id}`;
    candidates.push({
      id,
      problem,
      reference,
      source,
      ...(level !== null && { level }),
      file: basename(path),
      at,
      others,
    });
  }
  await refuseIfChanged(opened);
  if (candidates.length === 0) throw withoutProblems(path, steps.records.count, setAside);
  logBadRecords(context.log, path, setAside);
  const order = shuffled(candidates, random(seedFor(context.seed, 'shuffle', file.name)));
  const entry = {
    set,
    name: file.name,
    path,
    sha256,
    format,
    layout: file.layout,
    records: steps.records.count,
  };
  return { candidates: order.slice(0, file.limit), setAside, steps, entry };
}

/** The file must not change between hashing and reading. */
async function refuseIfChanged(file: OpenInput): Promise<void> {
  try {
    await file.refuseIfChanged();
  } catch (error) {
    throw badFile(file.path, null, (error as Error).message, error);
  }
}

function withoutProblems(path: string, records: number, setAside: readonly SetAside[]): StageExit {
  const [first] = setAside;
  const why = first === undefined ? 'it is empty' : `of the first (${first.at}): ${first.detail}`;
  return new StageExit(
    'InvalidInput',
    `${path}: expected problems with their answers, but none of its ${records} records is one; ${why}; set the layout or fields of the file in data`,
  );
}

function logBadRecords(log: Logger, path: string, setAside: readonly SetAside[]): void {
  const bad = setAside.filter(({ reason }) => reason === 'bad-record');
  if (bad.length === 0) return;
  const first = bad.slice(0, 20).map(({ at, detail }) => `${at}: ${detail}`);
  log.warn({ file: basename(path), bad: bad.length, first }, 'set aside records that are not problems');
}
