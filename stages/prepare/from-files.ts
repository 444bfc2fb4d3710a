import { dirname, join } from 'node:path';
import { inputRules } from '../../inputs/index.ts';
import type { DataCard, DataStep } from '../../spec/data-card.ts';
import type { Counts } from '../../spec/manifest.ts';
import type { StageContext } from '../runtime/context.ts';
import { PROJECT } from '../runtime/python.ts';
import { random, seedFor, shuffled } from '../runtime/random.ts';
import { type CheckedCandidates, checkAnswers } from './check-answers.ts';
import { stepOf } from './counts.ts';
import { type Candidate, type FileData, type ReadSet, readSet } from './read-files.ts';
import { type Answered, type Cleaned, cleaned, SET_NAMES, type SetName } from './sets.ts';
import type { Prepared } from './write-prepared.ts';

type FromFiles = StageContext<'prepare'>;

/**
 * Prepares the sets from files: reads them, has the answers checked, removes equal, nearly equal and benchmark
 * problems, and splits.
 */
export async function prepareFromFiles(context: FromFiles, data: FileData): Promise<Prepared> {
  const { stage } = context;
  const { seed, config } = stage;
  const read = await readSets(context, data);
  const candidates = new Map([...read].map(([set, { candidates: those }]) => [set, those]));
  const { answering } = context.domain;
  const checkedByVerifier = config.checkAnswers && answering !== undefined;
  const checked = checkedByVerifier ? await checkAnswers(context, answering, candidates) : unchecked(candidates);
  const heldOut = cleanedSet('benchmarks', checked, [], config).problems;
  const sets = new Map([...read.keys()].map((set) => [set, cleanedSet(set, checked, heldOut, config)]));

  const inOrder = (set: SetName) => shuffled(sets.get(set)?.problems ?? [], random(seedFor(seed, 'order', set)));
  const split = splitOff(inOrder('search'), data);
  const kept = {
    search: split.search,
    curriculum: data.curriculum.length > 0 ? inOrder('curriculum') : split.curriculum,
    benchmarks: heldOut,
  };
  const cleanedSets = [...sets.values()];
  const contamination = cleanedSets.flatMap((one) => one.contamination);
  const setAside = [
    ...[...read.values()].flatMap((one) => one.setAside),
    ...[...checked.values()].flatMap((one) => one.setAside),
    ...cleanedSets.flatMap((one) => one.setAside),
  ];
  const card: DataCard = {
    schemaVersion: 1,
    seed,
    rules: { checkedByVerifier, nearDuplicates: config.nearDuplicates, decontamination: config.decontamination },
    files: [...read.values()].flatMap(({ files }) => files),
    sets: SET_NAMES.map((set) => ({
      set,
      steps: [...stepsOf(set, read, checked, sets), stepOf('kept', kept[set])],
    })),
    suspects: new Set(contamination.filter(({ removed }) => !removed).map(({ id }) => id)).size,
    setAside: Object.fromEntries(
      [...Map.groupBy(setAside, ({ reason }) => reason)].map(([reason, those]) => [reason, those.length]),
    ),
  };
  return {
    sets: kept,
    card,
    setAside,
    duplicates: cleanedSets.flatMap((one) => one.duplicates),
    contamination,
    counts: countsOf(kept, setAside, sets),
  };
}

async function readSets(context: FromFiles, data: FileData): Promise<Map<SetName, ReadSet>> {
  const { stage, log, signal, report } = context;
  // <store>/stages/<key>
  const store = dirname(dirname(context.dir));
  const cache = join(store, 'cache');
  const rules = inputRules(process.env, { project: PROJECT, store });
  const planned = stage.dataFiles ?? {};
  const read = new Map<SetName, ReadSet>();
  for (const set of SET_NAMES) {
    if (data[set].length > 0)
      read.set(set, await readSet(set, data[set], { seed: stage.seed, rules, planned, cache, log, signal, report }));
  }
  return read;
}

/** The candidates when no verifier checks answers: each answer is its own canonical form. */
const unchecked = (candidates: ReadonlyMap<SetName, readonly Candidate[]>): Map<SetName, CheckedCandidates> =>
  new Map(
    [...candidates].map(([set, those]) => [
      set,
      { judgeable: those.map((one) => ({ ...one, canonical: one.reference })), setAside: [] },
    ]),
  );

const cleanedSet = (
  set: SetName,
  checked: ReadonlyMap<SetName, CheckedCandidates>,
  benchmarks: readonly Answered[],
  rules: FromFiles['stage']['config'],
): Cleaned<Answered> => cleaned<Answered>(set, checked.get(set)?.judgeable ?? [], benchmarks, rules);

function stepsOf(
  set: SetName,
  read: ReadonlyMap<SetName, ReadSet>,
  checked: ReadonlyMap<SetName, CheckedCandidates>,
  sets: ReadonlyMap<SetName, Cleaned>,
): DataStep[] {
  const one = read.get(set);
  if (one === undefined) return []; // the curriculum then uses problems of the search
  const { records, problems, answered } = one.steps;
  return [
    records.step('records'),
    problems.step('problems'),
    answered.step('answered'),
    stepOf('limited', one.candidates),
    stepOf('judgeable', checked.get(set)?.judgeable ?? []),
    ...(sets.get(set)?.steps ?? []),
  ];
}

/**
 * Splits the problems into those to search and those for the curriculum. They are the same, unless a share is held
 * back.
 */
function splitOff<P>(
  problems: readonly P[],
  { heldBack, curriculum }: FileData,
): { search: readonly P[]; curriculum: readonly P[] } {
  if (heldBack === 0 || curriculum.length > 0) return { search: problems, curriculum: problems };
  const size = Math.round(heldBack * problems.length);
  return { search: problems.slice(size), curriculum: problems.slice(0, size) };
}

function countsOf(kept: Prepared['sets'], setAside: Prepared['setAside'], sets: ReadonlyMap<SetName, Cleaned>): Counts {
  const counts: Record<string, number> = {};
  for (const [set, one] of sets) {
    const those = setAside.filter((record) => record.set === set);
    const equal = one.duplicates.filter(({ similarity }) => similarity === 1).length;
    counts[set] = kept[set].length;
    counts[`${set}BadRecords`] = those.filter(({ reason }) => reason === 'bad-record').length;
    counts[`${set}SetAside`] = those.filter(({ reason }) => reason !== 'bad-record').length;
    counts[`${set}Duplicates`] = equal;
    if (set === 'benchmarks') continue;
    counts[`${set}NearDuplicates`] = one.duplicates.length - equal;
    counts[`${set}InBenchmarks`] = new Set(one.contamination.filter(({ removed }) => removed).map(({ id }) => id)).size;
  }
  const searched = new Set(kept.search.map(({ id }) => id));
  counts.curriculum = kept.curriculum.length;
  counts.curriculumAlsoSearched = kept.curriculum.filter(({ id }) => searched.has(id)).length;
  return counts;
}
