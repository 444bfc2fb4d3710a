import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { selectTraces } from '../../stages/rewrite/select.ts';

const tracesOf = (ks: readonly number[], source = 'one', level?: string) =>
  ks.map((k, index) => ({ id: `${source}${level ?? ''}${index}/x`, k, problem: { source, level } }));

describe('the selection of traces', () => {
  test('keeps all where there are no more than wanted', () => {
    const traces = tracesOf([0, 1, 2]);
    expect(selectTraces(traces, 3, 1)).toEqual(traces);
  });

  test('takes exactly the target, in the order given, with the shares of k as they were', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 2, maxLength: 60 }), fc.nat(), fc.nat(), (ks, part, seed) => {
        const traces = tracesOf(ks);
        const target = 1 + (part % (traces.length - 1));
        const chosen = selectTraces(traces, target, seed);
        expect(chosen).toHaveLength(target);
        expect(chosen).toEqual(traces.filter((trace) => chosen.includes(trace)));
        for (const k of new Set(ks)) {
          const share = (target * ks.filter((other) => other === k).length) / ks.length;
          const taken = chosen.filter((trace) => trace.k === k).length;
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
});
