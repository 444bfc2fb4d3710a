import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shareOf, stratifiedOrder } from '../../stages/rewrite/select.ts';

const tracesOf = (ks: readonly number[], source = 'one', level?: string) =>
  ks.map((k, index) => ({ id: `${source}${level ?? ''}${index}/x`, k, problem: { source, level } }));

const selectTraces = <T extends ReturnType<typeof tracesOf>[number]>(
  traces: readonly T[],
  target: number,
  seed: number,
) => stratifiedOrder(traces, seed).slice(0, target);

describe('the order of traces', () => {
  test('has in every prefix the shares of k of all traces', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 2, maxLength: 60 }), fc.nat(), (ks, seed) => {
        const order = stratifiedOrder(tracesOf(ks), seed);
        expect(order.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(
          tracesOf(ks).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        );
        for (const target of order.keys())
          for (const k of new Set(ks)) {
            const share = (target * ks.filter((other) => other === k).length) / ks.length;
            const taken = order.slice(0, target).filter((trace) => trace.k === k).length;
            expect(Math.abs(taken - share)).toBeLessThan(1);
          }
      }),
    ));

  test('keeps the shares of sources and of levels', () => {
    const zeros = (count: number) => Array.from({ length: count }, () => 0);
    const traces = [
      ...tracesOf(zeros(60), 'many', '1'),
      ...tracesOf(zeros(30), 'many', '5'),
      ...tracesOf(zeros(10), 'few'),
    ];
    const chosen = selectTraces(traces, 20, 3);
    const taken = (source: string, level?: string) =>
      chosen.filter(({ problem }) => problem.source === source && problem.level === level).length;
    expect([taken('many', '1'), taken('many', '5'), taken('few')]).toEqual([12, 6, 2]);
  });

  test('depends on the seed', () => {
    const traces = tracesOf(Array.from({ length: 40 }, () => 0));
    expect(selectTraces(traces, 10, 1)).toEqual(selectTraces(traces, 10, 1));
    expect(selectTraces(traces, 10, 1)).not.toEqual(selectTraces(traces, 10, 2));
  });

  test('is dealt to shards that have the target together', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.nat(50),
        fc.integer({ min: 1, max: 60 }),
        (parts, size, target) => {
          const order = [...Array(size).keys()];
          const shares = [...Array(parts).keys()].map((part) => shareOf(order, target, { part, parts }));
          expect(shares.flatMap(({ traces }) => traces).toSorted((a, b) => a - b)).toEqual(order);
          expect(shares.reduce((sum, share) => sum + share.target, 0)).toBe(Math.min(target, size));
        },
      ),
    ));

  test('gives no shard only one of two strata that alternate', () =>
    expect(shareOf(['a', 'b', 'a', 'b'], 4, { part: 0, parts: 2 }).traces.toSorted()).toEqual(['a', 'b']));
});
