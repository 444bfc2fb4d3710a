import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearDuplicates, type Shingled } from '../../../stages/prepare/near-duplicates.ts';

/** The definition, in its simplest form: every item is compared with every earlier one that stays. */
function slowly(items: readonly Shingled[], threshold: number): { index: number; similarity: number }[] {
  const kept: number[] = [];
  const found: { index: number; similarity: number }[] = [];
  items.forEach((item, index) => {
    const mine = new Set(item.shingles);
    if (mine.size === 0) return;
    const similarities = kept
      .filter((other) => items[other]!.block === item.block)
      .map((other) => {
        const theirs = [...items[other]!.shingles];
        const common = theirs.filter((shingle) => mine.has(shingle)).length;
        return common / new Set([...mine, ...theirs]).size;
      });
    const similarity = Math.max(0, ...similarities);
    if (similarity >= threshold) found.push({ index, similarity });
    else kept.push(index);
  });
  return found;
}

const items = fc.array(
  fc.record({
    shingles: fc.uniqueArray(fc.nat(12), { maxLength: 9 }).map((shingles) => new Uint32Array(shingles)),
    block: fc.constantFrom(0, 7_919),
  }),
  { maxLength: 40 },
);

test('finds exactly what comparing every pair finds', () => {
  fc.assert(
    fc.property(items, fc.constantFrom(0.3, 0.5, 0.8, 1), (texts, threshold) => {
      const fast = nearDuplicates(texts, threshold).map(({ index, similarity }) => ({ index, similarity }));
      expect(fast).toEqual(slowly(texts, threshold));
    }),
    { numRuns: 500 },
  );
});
