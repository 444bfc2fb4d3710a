import { describe, expect, test } from 'vitest';
import { curatedCard } from '../../report/curated-card.ts';
import { CuratedCard, type DroppedTrace, type Solution } from '../../spec/index.ts';

const aSolution = (at: number, level?: string): Solution => ({
  id: `s${at}`,
  problem: { id: `p${at}`, problem: `Problem ${at}`, reference: '1', source: at < 6 ? 'many' : 'few', level },
  prompt: 'P',
  text: 'x'.repeat(10 * (at + 1)),
  k: at % 2,
  spans: [],
  writtenTokens: at + 1,
});
const SOLUTIONS = Array.from({ length: 9 }, (_, at) => aSolution(at, at === 0 ? undefined : '5'));
const DROPPED: DroppedTrace[] = [
  { id: 'd1', k: 2, source: 'few', level: '5', reason: 'numbers' },
  { id: 'd2', k: 1, source: 'few', reason: 'empty' },
  { id: 'd3', k: 1, source: 'few', reason: 'numbers' },
];

describe('the card of a curated set', () => {
  test('counts what was curated and dropped by k, source and level, and the reasons', () => {
    const card = CuratedCard.parse(curatedCard('astro/rewrite', 7, SOLUTIONS, DROPPED));
    expect(card).toMatchObject({ solutions: 9, dropped: 3, droppedByReason: { empty: 1, numbers: 2 } });
    const [five, four] = [
      { solutions: 5, dropped: 0 },
      { solutions: 4, dropped: 2 },
    ];
    expect(card.byK).toEqual({ 0: five, 1: four, 2: { solutions: 0, dropped: 1 } });
    expect(card.bySource).toEqual({ few: { solutions: 3, dropped: 3 }, many: { solutions: 6, dropped: 0 } });
    expect(card.byLevel).toEqual({ 5: { solutions: 8, dropped: 1 }, none: { solutions: 1, dropped: 2 } });
  });

  test('gives lengths, in tokens only when every solution has them', () => {
    const { characters, writtenTokens } = curatedCard('r', 7, SOLUTIONS, []);
    expect(characters).toEqual({ min: 10, median: 50, mean: 50, p90: 82, p99: 89.2, max: 90 });
    expect(writtenTokens).toMatchObject({ min: 1, median: 5, max: 9 });
    const { writtenTokens: _, ...silent } = aSolution(9);
    expect(curatedCard('r', 7, [...SOLUTIONS, silent], []).writtenTokens).toBeNull();
    expect(curatedCard('r', 7, [], DROPPED)).toMatchObject({ solutions: 0, characters: null, samples: [] });
  });

  test('is the same in any order of the shards, with two samples for each k by seed', () => {
    const card = curatedCard('r', 7, SOLUTIONS, DROPPED);
    expect(curatedCard('r', 7, SOLUTIONS.toReversed(), DROPPED.toReversed())).toEqual(card);
    expect(card.samples.map(({ k }) => k)).toEqual([0, 0, 1, 1]);
    expect(curatedCard('r', 8, SOLUTIONS, DROPPED).samples).not.toEqual(card.samples);
  });

  test('cuts a long text, and marks it', () => {
    const [sample] = curatedCard('r', 7, [{ ...aSolution(0), text: 'x'.repeat(5000) }], []).samples;
    expect(sample).toMatchObject({ isCut: true, text: 'x'.repeat(4000) });
  });
});
