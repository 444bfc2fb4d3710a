import { expect, test } from 'vitest';
import type { FaultRecord } from '../../../dev/soak/checker/evidence.ts';
import type { Fault, Resource, Tools } from '../../../dev/soak/fault.ts';
import { FAULTS } from '../../../dev/soak/faults.ts';
import { injectFaults } from '../../../dev/soak/injector.ts';
import { seededRandom } from '../../../dev/soak/random.ts';
import type { Target } from '../../../dev/soak/target.ts';

/** Rows of a table of our own: what is looked at here is the drawing, which knows neither faults nor executors. */
const row = (kind: string, change: Partial<Fault> = {}): Fault => ({
  kind,
  description: kind,
  weight: 1,
  needs: [],
  lasts: false,
  act: async () => [{ target: kind, seen: 'done' }],
  ...change,
});

async function inject(
  faults: readonly Fault[],
  { count = 20, seed = 1, cannot = {} as Target['cannot'], over = new AbortController().signal } = {},
): Promise<FaultRecord[]> {
  const records: FaultRecord[] = [];
  const tools = {
    target: { cannot } as Target,
    random: seededRandom(seed),
    over,
    sleep: async () => {},
  } as unknown as Tools;
  const enough = new AbortController().signal;
  const record = (fault: FaultRecord) => void records.push(fault);
  await injectFaults({ tools, faults, count, enough, gapSeconds: 0, caused: new Map(), record });
  return records;
}
const kindsOf = (records: readonly FaultRecord[]): string[] => records.map(({ kind }) => kind);

test('equal seeds draw equal faults, and another seed draws others', async () => {
  const faults = ['a', 'b', 'c', 'd'].map((kind) => row(kind));
  const first = kindsOf(await inject(faults));
  expect(kindsOf(await inject(faults))).toEqual(first);
  expect(kindsOf(await inject(faults, { seed: 2 }))).not.toEqual(first);
});

test('every kind is drawn soon, however rare', async () => {
  const kinds = kindsOf(await inject([row('often', { weight: 5 }), row('seldom'), row('rare', { weight: 0.5 })]));
  expect(kinds).toHaveLength(20);
  expect(new Set(kinds)).toEqual(new Set(['often', 'seldom', 'rare']));
});

test('a kind that the target cannot cause is not drawn', async () => {
  const kinds = kindsOf(await inject([row('a'), row('b')], { cannot: { b: 'no root' } }));
  expect(new Set(kinds)).toEqual(new Set(['a']));
});

test('a fault without a target does not count', async () => {
  const kinds = kindsOf(await inject([row('a'), row('nothing', { act: async () => null })], { count: 5 }));
  expect(kinds).toEqual(['a', 'a', 'a', 'a', 'a']);
});

test('lasting faults overlap with others, but never two that need the same resource', async () => {
  const using = new Map<Resource, number>();
  let most = 0;
  let beside = 0;
  const lasting = (kind: string, needs: Resource[]) =>
    row(kind, {
      needs,
      lasts: true,
      async act() {
        for (const one of needs) using.set(one, (using.get(one) ?? 0) + 1);
        most = Math.max(most, ...using.values());
        beside = Math.max(beside, [...using.values()].filter((users) => users > 0).length);
        await new Promise((resolve) => setTimeout(resolve, 20));
        for (const one of needs) using.set(one, (using.get(one) ?? 0) - 1);
        return [{ target: kind, seen: 'done' }];
      },
    });
  const records = await inject([
    ...[lasting('worker', ['worker']), lasting('temporal', ['temporal']), lasting('both', ['worker', 'temporal'])],
    row('short', { act: () => new Promise((resolve) => setTimeout(() => resolve([{ target: '', seen: '' }]), 3)) }),
  ]);
  expect(records).toHaveLength(20);
  expect(most).toBe(1);
  expect(beside).toBe(2);
});

test('when the round is over, no more faults are caused and lasting ones are awaited', async () => {
  const over = new AbortController();
  let ended = false;
  const records = await inject(
    [
      row('lasting', {
        lasts: true,
        needs: ['pause'],
        async act() {
          over.abort();
          await new Promise((resolve) => setTimeout(resolve, 50));
          ended = true;
          return [{ target: '', seen: '' }];
        },
      }),
    ],
    { over: over.signal },
  );
  expect(ended).toBe(true);
  expect(records).toHaveLength(1);
});

test('the table has every kind once, with a description', () => {
  expect(new Set(FAULTS.map(({ kind }) => kind)).size).toBe(FAULTS.length);
  for (const { description, weight } of FAULTS) {
    expect(description).not.toBe('');
    expect(weight).toBeGreaterThan(0);
  }
});
