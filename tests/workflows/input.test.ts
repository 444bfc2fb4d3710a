import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Progress, StageStatus } from '../../spec/index.ts';
import { parseShape } from '../../workflows/input/shape.ts';
import { finishedStage, progress, stageStatus } from '../../workflows/input/status.ts';
import { keywordList, keywordText } from '../../workflows/policy/keywords.ts';
import { anIncident, aProgress, aStage } from '../support/builders.ts';

const RESULT = { kind: 'search', key: 'a'.repeat(64), digest: 'b'.repeat(64) } as const;
const FULL = aStage({
  state: 'running',
  key: 'c'.repeat(64),
  attempt: 3,
  executions: 4,
  startedAt: '2026-01-01T00:00:00.000Z',
  incidents: [anIncident({ class: 'Crashed' })],
  progress: aProgress(),
  ignored: { times: 1, last: { message: 'signal x', why: 'unknown', at: '2026-01-01T00:00:00.000Z' } },
});

/** One value somewhere in a status replaced by any other. */
function replaced(value: unknown, path: readonly number[], other: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== 'object' || value === null) return other;
  const keys = Object.keys(value);
  const key = keys[step % Math.max(1, keys.length)];
  if (key === undefined) return other;
  const changed = replaced((value as Record<string, unknown>)[key], rest, other);
  return Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed };
}

const accepts = (value: unknown): StageStatus | null => {
  try {
    return parseShape(stageStatus, value, 'a status');
  } catch {
    return null;
  }
};

describe('what a workflow takes from a stage', () => {
  test('is all that a stage tells', () => {
    expect(accepts(FULL)).toEqual(FULL);
  });

  test('can be read by the command line, whatever was sent', () => {
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.double(),
      fc.constantFrom('2026-02-30T00:00:00Z', '2026-01-01T24:00:00Z', '\ud800', 'x'.repeat(100_000), -1, 1e300, null),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }), odd, (path, other) => {
        const taken = accepts(replaced(FULL, path, other));
        if (taken === null) return;
        expect(StageStatus.safeParse(taken).error).toBeUndefined();
        expect(JSON.stringify(taken).length).toBeLessThan(20_000);
      }),
      { numRuns: 3_000 },
    );
  });

  test('has its texts cut and well-formed, and fields that are not known left out', () => {
    const taken = accepts({ ...FULL, why: `\ud800${'x'.repeat(5_000)}`, surprise: 1 })!;
    expect(taken.why!.length).toBeLessThanOrEqual(1_000);
    expect(taken.why!.isWellFormed()).toBe(true);
    expect(taken).not.toHaveProperty('surprise');
  });

  test('takes the times that trainers write', () => {
    const told = aProgress({ updatedAt: '2026-01-01T00:01:40Z', beganAt: '2026-01-01T00:01:40.123456Z' });
    expect(parseShape(progress, told, 'progress')).toEqual(told);
    expect(Progress.parse(told)).toEqual(told);
  });

  test('names the field that is wrong, what was expected and what came', () => {
    expect(() => parseShape(stageStatus, { ...FULL, progress: { ...aProgress(), done: 'x' } }, 'a status')).toThrow(
      'a status is not valid:\n  progress.done: expected a number from 0 to 1000000000000, but got "x"',
    );
  });
});

describe('the return value of a stage', () => {
  const slot = { name: 'search', kind: 'search', arm: null, reads: {} } as never;
  const finished = { ...FULL, state: 'completed', result: RESULT } as const;

  test('is its status with its result', () => {
    expect(finishedStage(slot, finished).result).toEqual(RESULT);
  });

  test.each([
    ['nothing', undefined],
    ['another stage', { ...finished, name: 'prepare' }],
    ['a result of another kind', { ...finished, result: { ...RESULT, kind: 'prepare' } }],
    ['no result', { ...finished, result: null }],
    ['a stage that runs', { ...finished, state: 'running' }],
  ])('is not %s', (_, value) => {
    expect(() => finishedStage(slot, value)).toThrow(/search/);
  });
});

describe('search attributes', () => {
  test('are short, well-formed and without control characters', () => {
    for (const text of ['x'.repeat(3_000), '\ud800', 'a\u0000b']) {
      expect(keywordText(text).length).toBeLessThanOrEqual(200);
      expect(keywordText(text).isWellFormed()).toBe(true);
      expect(keywordText(text)).not.toContain('\u0000');
    }
  });

  test('are as many as fit', () => {
    const arms = Array.from({ length: 300 }, (_, index) => `arm-${index}`);
    const kept = keywordList(arms);
    expect(JSON.stringify(kept).length).toBeLessThan(2_000);
    expect(arms.slice(0, kept.length)).toEqual(kept);
    expect(keywordList(['astro', 'direct'])).toEqual(['astro', 'direct']);
  });
});
