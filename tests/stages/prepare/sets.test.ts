import { describe, expect, test } from 'vitest';
import { PrepareConfig, type Problem } from '../../../spec/index.ts';
import { cleanedByText } from '../../../stages/prepare/generated.ts';
import { type Answered, cleaned, sharedId, withoutEquals, withoutNearEquals } from '../../../stages/prepare/sets.ts';
import { idOfText, normalised, numbersOf, wordsOf } from '../../../stages/prepare/text.ts';

const RULES = PrepareConfig.parse({});
const aProblem = (problem: string, source = 'set'): Problem => ({
  id: `${source}/${problem}`,
  problem,
  reference: '1',
  source,
});
const answered = (problem: string, canonical = '1', source = 'set'): Answered => ({
  ...aProblem(problem, source),
  file: `${source}.jsonl`,
  at: 'line 1',
  canonical,
});

describe('two problems are the same', () => {
  test.each([
    ['when white space differs', 'What is  1 + 1 ?\n', 'What is 1 + 1 ?'],
    ['when capitals differ', 'WHAT is 1?', 'what is 1?'],
    ['when compatibility characters differ', 'ﬁnd １', 'find 1'],
  ])('%s', (_, one, other) => expect(normalised(one)).toBe(normalised(other)));

  test('unless a number differs', () => expect(normalised('1 + 2')).not.toBe(normalised('1 + 3')));

  test('and have the same id in the same source', () => {
    expect(idOfText('amc', 'Find 1')).toBe(idOfText('amc', 'find  1'));
    expect(idOfText('amc', 'Find 1')).not.toBe(idOfText('aime', 'Find 1'));
  });
});

describe('words', () => {
  test('omit signs, capitals and the appearance of TeX', () => {
    expect(wordsOf('Find $\\left(x+\\frac{1}{2}\\right)^2$, if\\quad $X > 3.5$.')).toEqual(
      wordsOf('find (x + \\frac12)^{2} if x>3.5').with(3, '1').toSpliced(4, 0, '2'),
    );
  });
  test('keep numbers in their order', () => expect(numbersOf(wordsOf('3 apples and 12 pears'))).toBe('3 12'));
});

describe('equal texts', () => {
  test('are reduced to the first of them, which is named', () => {
    const { left, duplicates } = withoutEquals('search', [answered('a'), answered('b'), answered('A', '1', 'two')]);
    expect(left.map(({ id }) => id)).toEqual(['set/a', 'set/b']);
    expect(duplicates).toMatchObject([{ set: 'search', id: 'two/A', of: 'set/a', similarity: 1 }]);
  });

  test('with different answers are all set aside, because nobody knows which answer is wrong', () => {
    const { left, setAside } = withoutEquals('search', [answered('a', '1'), answered('b'), answered('A', '2', 'two')]);
    expect(left.map(({ id }) => id)).toEqual(['set/b']);
    expect(setAside).toMatchObject([
      {
        file: 'set.jsonl',
        at: 'line 1',
        reason: 'answers-disagree',
        detail: '2 records of this text answer "1" and "2"',
      },
      { file: 'two.jsonl' },
    ]);
  });

  test('are kept in every benchmark that has them', () => {
    const benchmarks = [answered('a', '1', 'amc'), answered('a', '1', 'aime'), answered('A', '1', 'amc')];
    expect(withoutEquals('benchmarks', benchmarks).left.map(({ source }) => source)).toEqual(['amc', 'aime']);
  });
});

describe('nearly equal texts', () => {
  const LONG =
    'A farmer walks along a straight road at a constant speed and counts the trees on both sides of it, of which there are 48 in all. How many trees stand on each side?';
  const clean = (...problems: Answered[]) => withoutNearEquals('search', problems, RULES.nearDuplicates);

  test('are one problem when numbers and answer are the same', () => {
    const { left, duplicates } = clean(answered(LONG), answered(`${LONG} Explain.`));
    expect(left).toHaveLength(1);
    expect(duplicates[0]?.similarity).toBeGreaterThan(0.9);
  });
  test('are two problems when a number differs', () => {
    expect(clean(answered(LONG), answered(LONG.replace('48', '50'))).left).toHaveLength(2);
  });
  test('are two problems when the answer differs', () => {
    expect(clean(answered(LONG), answered(LONG.replace('on each side', 'in all'), '48')).left).toHaveLength(2);
  });
});

describe('cleaning', () => {
  const BENCHMARK =
    'In how many ways can 9 students be seated around a round table if two of them refuse to sit side by side?';

  test('removes equals, near equals and benchmark problems in turn, and counts what is left after each step', () => {
    const problems = [
      answered('find one'),
      answered('FIND one'),
      answered(`${BENCHMARK} Justify.`),
      answered('find two'),
    ];
    const clean = cleaned('search', problems, [answered(BENCHMARK, '1', 'amc')], RULES);
    expect(clean.problems.map(({ problem }) => problem)).toEqual(['find one', 'find two']);
    expect(clean.steps).toMatchObject([
      { step: 'unequal', count: 3, bySource: { set: 3 } },
      { step: 'unlike', count: 3 },
      { step: 'decontaminated', count: 2 },
    ]);
    expect(clean.contamination).toMatchObject([{ benchmark: 'amc', benchmarkId: `amc/${BENCHMARK}`, removed: true }]);
  });

  test('reports a stock phrase that a benchmark has too, and removes nothing because of it', () => {
    const stock = 'Find the sum of all possible values of';
    const clean = cleaned(
      'search',
      [answered(`${stock} the real number x for which the square of x is 49 and x is odd.`)],
      [
        answered(
          `${stock} n such that the decimal digits of n factorial end in exactly 12 zeros, where n is below one thousand.`,
          '1',
          'amc',
        ),
      ],
      RULES,
    );
    expect(clean.problems).toHaveLength(1);
    expect(clean.contamination).toMatchObject([{ shared: 'find the sum of all possible values of', removed: false }]);
  });

  test('finds an id that two problems share', () => {
    expect(sharedId([aProblem('a'), aProblem('b')])).toBeNull();
    expect(sharedId([aProblem('a'), { ...aProblem('b'), id: 'set/a' }])).toBe('set/a');
  });
});

test('generated sets are cleaned only by equal texts, because they are alike by nature', () => {
  const { sets, counts } = cleanedByText({
    search: [aProblem('a', 'one'), aProblem('A', 'two'), aProblem('b'), aProblem('held')],
    curriculum: [aProblem('b'), aProblem('c'), aProblem('Held'), aProblem('c')],
    benchmarks: [aProblem('held'), aProblem('HELD'), aProblem('other')],
  });
  expect(sets.search.map(({ id }) => id)).toEqual(['one/a', 'set/b']);
  expect(sets.curriculum.map(({ id }) => id)).toEqual(['set/b', 'set/c']);
  expect(sets.benchmarks.map(({ id }) => id)).toEqual(['set/held', 'set/other']);
  expect(counts).toEqual({
    search: 2,
    searchDuplicates: 1,
    searchInBenchmarks: 1,
    curriculum: 2,
    curriculumDuplicates: 1,
    curriculumInBenchmarks: 1,
    curriculumAlsoSearched: 1,
    benchmarks: 2,
    benchmarkDuplicates: 1,
  });
});
