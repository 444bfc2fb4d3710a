import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { FILES, Problem } from '../../spec/index.ts';
import { StageExit } from '../../stages/exits.ts';
import { readAllJsonl } from '../../stages/jsonl.ts';
import { readProblemFile, readProblemFiles } from '../../stages/prepare/files.ts';
import { type Generate, generateSets } from '../../stages/prepare/generated.ts';
import { cleaned, sharedId } from '../../stages/prepare/sets.ts';
import { idOfText, normalised } from '../../stages/prepare/text.ts';
import { startStage } from '../support/stage-process.ts';
import { plannedStage } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const aProblem = (problem: string, source = 'set'): Problem => ({
  id: `${source}/${problem}`,
  problem,
  reference: '1',
  source,
});
const LOG = pino({ level: 'silent' });

describe('two problems are the same', () => {
  test.each([
    ['when white space differs', 'What is  1 + 1 ?\n', 'What is 1 + 1 ?'],
    ['when capitals differ', 'WHAT is 1?', 'what is 1?'],
    ['when compatibility characters differ', 'ﬁnd １', 'find 1'],
  ])('%s', (_, one, other) => expect(normalised(one)).toBe(normalised(other)));

  test('but not when a number differs', () => expect(normalised('1 + 2')).not.toBe(normalised('1 + 3')));

  test('and have the same id in the same source', () => {
    expect(idOfText('amc', 'Find 1')).toBe(idOfText('amc', 'find  1'));
    expect(idOfText('amc', 'Find 1')).not.toBe(idOfText('aime', 'Find 1'));
  });
});

describe('cleaning', () => {
  test('removes duplicates and benchmark problems, keeps the first of equals, and counts each', () => {
    const { sets, counts } = cleaned({
      search: [aProblem('a', 'one'), aProblem('A', 'two'), aProblem('b'), aProblem('held')],
      curriculum: [aProblem('b'), aProblem('c'), aProblem('Held'), aProblem('c')],
      benchmarks: [aProblem('held'), aProblem('HELD'), aProblem('other')],
    });
    expect(sets.search.map(({ id }) => id)).toEqual(['one/a', 'set/b']);
    expect(sets.curriculum.map(({ id }) => id)).toEqual(['set/b', 'set/c']);
    expect(sets.benchmarks.map(({ id }) => id)).toEqual(['set/held', 'set/other']);
    expect(counts).toEqual({
      ...{ search: 2, searchDuplicates: 1, searchInBenchmarks: 1 },
      ...{ curriculum: 2, curriculumDuplicates: 1, curriculumInBenchmarks: 1, curriculumAlsoSearched: 1 },
      ...{ benchmarks: 2, benchmarkDuplicates: 1 },
    });
  });

  test('keeps a problem in every benchmark that has it', () => {
    const benchmarks = [aProblem('a', 'amc'), aProblem('a', 'aime')];
    expect(cleaned({ search: [], curriculum: [], benchmarks }).sets.benchmarks).toEqual(benchmarks);
  });

  test('finds an id that two problems share', () => {
    expect(sharedId([aProblem('a'), aProblem('b')])).toBeNull();
    expect(sharedId([aProblem('a'), { ...aProblem('b'), id: 'set/a' }])).toBe('set/a');
  });
});

describe('generated sets', () => {
  const data = { type: 'generated', searchProblems: 3, curriculumPrompts: 2, benchmarkProblems: 1 } as const;
  /** A domain of `size` problems that are not held out. */
  const aDomain = (size: number): { generate: Generate; orders: number[] } => {
    const orders: number[] = [];
    const generate: Generate = async ({ count, heldOut }) => {
      orders.push(count);
      if (!heldOut && count > size) throw new StageExit('InvalidInput', `it has ${size} problems`);
      return Array.from({ length: count }, (_, index) => aProblem(`${heldOut ? 'held ' : ''}${index}`, 'sums'));
    };
    return { generate, orders };
  };

  test('share no problem between search and curriculum where the domain has enough', async () => {
    const { search, curriculum, benchmarks } = await generateSets(data, 1, aDomain(5).generate);
    expect(search.map(({ problem }) => problem)).toEqual(['0', '1', '2']);
    expect(curriculum.map(({ problem }) => problem)).toEqual(['3', '4']);
    expect(benchmarks).toMatchObject([{ problem: 'held 0', source: 'held-out' }]);
  });

  test('overlap where the domain is too small for both', async () => {
    const { search, curriculum } = await generateSets(data, 1, aDomain(4).generate);
    expect([search.length, curriculum.length]).toEqual([3, 2]);
  });

  test('are refused in the words of the domain where it is too small even so', async () => {
    await expect(generateSets(data, 1, aDomain(2).generate)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: 'it has 2 problems',
    });
  });
});

describe('a problem file', () => {
  const fields = { problem: 'question', answer: 'answer' };
  async function aFile(lines: readonly string[]) {
    const path = join(await temporaryFolder(), 'set.jsonl');
    await writeFile(path, lines.join('\n'));
    return { name: 'amc', path, fields };
  }
  const GOOD = ['{"question":"a","answer":"1"}', '{"question":"b","answer":2,"level":5}'];

  test('gives its problems with the name of the set as source, answers as text', async () => {
    const { problems, badLines } = await readProblemFile(await aFile(GOOD), 1, LOG);
    expect(problems).toMatchObject([
      { problem: 'a', reference: '1', source: 'amc' },
      { problem: 'b', reference: '2', source: 'amc' },
    ]);
    expect(badLines).toEqual([]);
  });

  test('drops records that lack a field, and tells their lines', async () => {
    const { problems, badLines } = await readProblemFile(await aFile(['{"question":"c"}', ...GOOD, '[]']), 1, LOG);
    expect(problems).toHaveLength(2);
    expect(badLines).toEqual([1, 4]);
  });

  test('is refused with its line when that is not JSON', async () => {
    const file = await aFile([...GOOD, 'question,answer']);
    await expect(readProblemFile(file, 1, LOG)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: `${file.path}:3: expected one JSON value on the line, but got question,answer`,
    });
  });

  test('is refused when no record has the fields', async () => {
    const file = { ...(await aFile(GOOD)), fields: { problem: 'text', answer: 'answer' } };
    await expect(readProblemFile(file, 1, LOG)).rejects.toThrow(/expected records with "text" and "answer"/);
  });

  test('is cut to its limit after a shuffle that the seed decides', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `{"question":"${index}","answer":"1"}`);
    const file = { ...(await aFile(many)), limit: 5 };
    const take = async (seed: number) =>
      (await readProblemFile(file, seed, LOG)).problems.map(({ problem }) => problem);
    expect(await take(1)).toHaveLength(5);
    expect(await take(1)).toEqual(await take(1));
    expect(await take(1)).not.toEqual(await take(2));
  });

  test('of the search gives the curriculum its prompts where that names none', async () => {
    const search = [await aFile(GOOD)];
    const { sets } = await readProblemFiles({ type: 'files', search, curriculum: [], benchmarks: search }, 1, LOG);
    expect(sets.curriculum).toEqual(sets.search);
  });
});

describe('the program', () => {
  async function prepared(data: unknown, settings: Record<string, unknown> = {}) {
    const store = await temporaryFolder();
    const { path, dir } = await plannedStage(store, { kind: 'prepare', data, domain: { name: 'sums', settings } });
    const end = await startStage(path, { store }).ended;
    const read = (name: string) => readAllJsonl([join(dir, 'data', name)], Problem);
    return { end, dir, read };
  }

  test('has the domain generate three disjoint sets', async () => {
    const data = { type: 'generated', searchProblems: 20, curriculumPrompts: 10, benchmarkProblems: 5 };
    const { end, read, dir } = await prepared(data);
    expect(end).toMatchObject({ code: 0, stderr: '' });
    const sets = await Promise.all(Object.values(FILES.prepare).map(read));
    expect(sets.map(({ length }) => length)).toEqual([20, 10, 5]);
    expect(new Set(sets.flat().map(({ problem }) => problem)).size).toBe(35);
    const { counts } = JSON.parse(await readFile(join(dir, 'parts/00000.json'), 'utf8'));
    expect(counts).toMatchObject({ search: 20, curriculum: 10, benchmarks: 5, curriculumAlsoSearched: 0 });
  });

  test('ends with 65 and the words of a domain that has too few problems', async () => {
    const data = { type: 'generated', searchProblems: 20, curriculumPrompts: 10, benchmarkProblems: 5 };
    const { end } = await prepared(data, { largest: 2 });
    expect(end).toMatchObject({ code: 65, stderr: expect.stringMatching(/expected at most 1 sums, but got 5; raise/) });
  });

  test('ends with 65 when nothing is left but benchmark problems', async () => {
    const path = join(await temporaryFolder(), 'amc.jsonl');
    await writeFile(path, '{"problem":"1 + 1 =","answer":2}\n');
    const file = { name: 'amc', path };
    const { end } = await prepared({ type: 'files', search: [file], benchmarks: [file] });
    expect(end).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/expected problems for search, but .* none is left/),
    });
  });
});
