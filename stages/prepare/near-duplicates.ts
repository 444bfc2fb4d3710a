/** A text as its shingles, with a block: only texts of the same block are compared. */
export interface Shingled {
  /** Hashes of its n-grams, each once, in any order. */
  readonly shingles: Uint32Array;
  /** Hash of what must be equal. */
  readonly block: number;
}

/** Item `index` is a near duplicate of the earlier item `of`, which is not a duplicate itself. */
export interface NearDuplicate {
  readonly index: number;
  readonly of: number;
  /** Jaccard index of the shingles. */
  readonly similarity: number;
}

/**
 * Finds every item that resembles an earlier one: the Jaccard index of their shingles is at least `threshold`. The
 * result is exact, unlike MinHash, which estimates. An item is compared with those that share one of its rarest
 * shingles; two items above the threshold always share one (prefix filtering: Chaudhuri et al. 2006; Bayardo et al.
 * 2007, "Scaling up all pairs similarity search").
 * @param threshold - in (0, 1]
 * @returns in the order of `index`
 */
export function nearDuplicates(items: readonly Shingled[], threshold: number): NearDuplicate[] {
  const rarestFirst = rarestFirstOrder(items);
  const found: NearDuplicate[] = [];
  const index = new Postings(items.length);
  const kept: { readonly index: number; readonly sorted: Uint32Array }[] = [];
  const comparedWith = new Int32Array(items.length).fill(-1); // for each kept item, the last item it was compared with
  items.forEach(({ shingles, block }, number) => {
    const size = shingles.length;
    if (size === 0) return;
    const prefix = rarestFirst(shingles).subarray(0, size - Math.ceil(threshold * size) + 1);
    const sorted = shingles.toSorted();
    let best: NearDuplicate | null = null;
    for (const shingle of prefix) {
      for (const candidate of index.get(shingle ^ block)) {
        if (comparedWith[candidate] === number) continue;
        comparedWith[candidate] = number;
        const other = kept[candidate] as (typeof kept)[number];
        const similarity = jaccard(sorted, other.sorted, threshold);
        if (similarity > (best?.similarity ?? 0)) best = { index: number, of: other.index, similarity };
      }
    }
    if (best !== null) {
      found.push(best);
      return;
    }
    for (const shingle of prefix) index.add(shingle ^ block, kept.length);
    kept.push({ index: number, sorted });
  });
  return found;
}

/** Sorts shingles by how many items have them, rarest first. */
function rarestFirstOrder(items: readonly Shingled[]): (shingles: Uint32Array) => Uint32Array {
  const total = items.reduce((sum, { shingles }) => sum + shingles.length, 0);
  // Two shingles that share a counter make the order slightly worse, but no result wrong.
  const counts = new Uint32Array(powerOfTwo(total));
  const counterOf = (shingle: number) => shingle & (counts.length - 1);
  const countOf = (shingle: number) => counts[counterOf(shingle)] as number;
  for (const { shingles } of items) {
    for (const shingle of shingles) counts[counterOf(shingle)] = countOf(shingle) + 1;
  }
  return (shingles) => shingles.toSorted((a, b) => countOf(a) - countOf(b) || a - b);
}

/** Jaccard index of two sorted sets; 0 when it is below `threshold`. */
function jaccard(one: Uint32Array, other: Uint32Array, threshold: number): number {
  const [small, large] = one.length < other.length ? [one, other] : [other, one];
  if (small.length < threshold * large.length) return 0;
  let common = 0;
  for (let a = 0, b = 0; a < small.length && b < large.length; ) {
    const [left, right] = [small[a] as number, large[b] as number];
    if (left === right) common += 1;
    if (left <= right) a += 1;
    if (right <= left) b += 1;
  }
  const similarity = common / (one.length + other.length - common);
  return similarity >= threshold ? similarity : 0;
}

/** Numbers by key, in typed arrays. A million entries take some 20 MB; a Map of arrays takes ten times that. */
class Postings {
  #heads: Int32Array;
  #keys = new Int32Array(1 << 10);
  #values = new Int32Array(1 << 10);
  #next = new Int32Array(1 << 10);
  #size = 0;

  /** @param items - about ten entries are expected for each */
  constructor(items: number) {
    this.#heads = new Int32Array(powerOfTwo(8 * items)).fill(-1);
  }

  add(key: number, value: number): void {
    if (this.#size === this.#keys.length) {
      this.#keys = grown(this.#keys);
      this.#values = grown(this.#values);
      this.#next = grown(this.#next);
    }
    const bucket = key & (this.#heads.length - 1);
    this.#keys[this.#size] = key;
    this.#values[this.#size] = value;
    this.#next[this.#size] = this.#heads[bucket] as number;
    this.#heads[bucket] = this.#size;
    this.#size += 1;
  }

  *get(key: number): Generator<number> {
    const wanted = key | 0;
    for (let at = this.#heads[key & (this.#heads.length - 1)] as number; at >= 0; at = this.#next[at] as number) {
      if (this.#keys[at] === wanted) yield this.#values[at] as number;
    }
  }
}

/** The least power of two that is at least `size`, and at least 1,024. */
const powerOfTwo = (size: number): number => 2 ** Math.max(10, Math.ceil(Math.log2(Math.max(1, size))));

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * array.length);
  larger.set(array);
  return larger;
}
