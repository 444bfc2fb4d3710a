/** Speed of the simulated server, in simulated time. */
export interface Speed {
  /** Largest number of sequences decoded in parallel. Others wait in order. */
  readonly slots: number;
  /** One decode step gives every running sequence a token, and takes `stepMs + stepMsPerSequence × running`. */
  readonly stepMs: number;
  readonly stepMsPerSequence: number;
  /** Rate of reading prompt tokens that are not in the prefix cache. Decoding pauses meanwhile. */
  readonly prefillTokensPerMs: number;
}

/**
 * Similar to an H100 with an 8B model: 256 sequences at 20 ms per step. *Ours*: a round number without a measurement.
 */
export const SPEED: Speed = { slots: 256, stepMs: 7.2, stepMsPerSequence: 0.05, prefillTokensPerMs: 20 };

/** A sequence to decode. */
export interface Work {
  readonly tokens: number;
  /** Prompt tokens to read first; 0 except for the first sequence of a request. */
  readonly prefillTokens: number;
  /** Called after its last token. */
  readonly done: () => void;
  cancelled?: boolean;
  /** Decode step at which it began. */
  from?: number;
}

interface FullMoment {
  readonly clock: number;
  readonly slotMs: number;
}

interface Running {
  readonly work: Work;
  /** Decode step at which it ends. */
  readonly to: number;
}

/**
 * Continuous batching in simulated time. The clock moves from the end of one sequence to the next, so a late real timer
 * has no effect: a slot becomes free at the simulated end of its sequence.
 */
export function createEngine(speed: Speed) {
  const waiting: Work[] = [];
  let firstWaiting = 0;
  const running = new EarliestFirst();
  let [clock, steps, stall] = [0, 0, 0];
  const totals = { slotMs: 0, fullMs: 0, generated: 0, aborted: 0 };
  /** Clock and slotMs at the first and the last time when all slots were in use. */
  let [firstFull, lastFull]: [FullMoment | null, FullMoment | null] = [null, null];
  let [firstAt, lastAt]: [number | null, number] = [null, 0];

  const stepMs = (): number => speed.stepMs + speed.stepMsPerSequence * running.size;
  const waitingCount = (): number => waiting.length - firstWaiting;

  function admit(): void {
    while (running.size < speed.slots && waitingCount() > 0) {
      const work = waiting[firstWaiting]!;
      firstWaiting += 1;
      if (firstWaiting > 4096 && firstWaiting * 2 > waiting.length) {
        waiting.splice(0, firstWaiting);
        firstWaiting = 0;
      }
      if (work.cancelled) continue;
      stall += work.prefillTokens / speed.prefillTokensPerMs;
      work.from = steps;
      running.add({ work, to: steps + work.tokens });
    }
  }
  function pass(ms: number): void {
    clock += ms;
    totals.slotMs += ms * running.size;
    if (running.size > 0) lastAt = clock;
    if (running.size < speed.slots || ms === 0) return;
    totals.fullMs += ms;
    firstFull ??= { clock: clock - ms, slotMs: totals.slotMs - ms * running.size };
    lastFull = { clock, slotMs: totals.slotMs };
  }
  /** Moves the clock to `now` and ends the sequences that are done by then. */
  function advance(now: number): void {
    while (clock < now) {
      const next = running.first();
      if (next === undefined) {
        clock = now;
        return;
      }
      const reading = Math.min(stall, now - clock);
      stall -= reading;
      pass(reading);
      const [each, left] = [stepMs(), now - clock];
      const needed = (next.to - steps) * each;
      if (stall > 0 || needed > left) {
        if (stall === 0) {
          pass(left);
          steps += left / each;
        }
        return;
      }
      pass(needed);
      steps = next.to;
      for (let ended = running.first(); ended !== undefined && ended.to <= steps; ended = running.first()) {
        running.removeFirst();
        if (ended.work.cancelled) continue;
        totals.generated += ended.work.tokens;
        ended.work.done();
      }
      admit();
    }
  }
  return {
    submit(now: number, works: readonly Work[]): void {
      advance(now);
      firstAt ??= now;
      for (const work of works) waiting.push(work);
      admit();
    },
    advance,
    /**
     * The client has disconnected. Running sequences keep their slots until their end. A real server would free them;
     * this happens only at kills.
     */
    cancel(now: number, works: readonly Work[]): void {
      advance(now);
      for (const work of works) {
        if (work.from !== undefined)
          totals.aborted += Math.max(0, Math.min(work.tokens, Math.floor(steps - work.from)));
        work.cancelled = true;
      }
    },
    /** Time until the next sequence ends; null while none runs. */
    nextIn(): number | null {
      const next = running.first();
      return next === undefined ? null : stall + (next.to - steps) * stepMs();
    },
    load: () => ({ running: running.size, waiting: waitingCount() }),
    /**
     * `spanMs`: from the first request to the end of the last sequence. `steady`: from the first moment with all slots
     * in use to the last.
     */
    totals: () => ({
      ...totals,
      spanMs: lastAt - (firstAt ?? lastAt),
      steadyFromMs: (firstFull?.clock ?? lastAt) - (firstAt ?? lastAt),
      steadyMs: (lastFull?.clock ?? 0) - (firstFull?.clock ?? 0),
      steadySlotMs: (lastFull?.slotMs ?? 0) - (firstFull?.slotMs ?? 0),
    }),
  };
}

/** A binary heap of running sequences, ordered by their end. */
class EarliestFirst {
  #heap: Running[] = [];
  get size(): number {
    return this.#heap.length;
  }
  first(): Running | undefined {
    return this.#heap[0];
  }
  add(one: Running): void {
    const heap = this.#heap;
    let at = heap.push(one) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.to <= one.to) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = one;
  }
  removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.to < heap[child]!.to) child += 1;
      if (heap[child]!.to >= last.to) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
