/** Admits requests in the order in which they came, while their sequences stay within a limit. The limit may change. */
export interface Gate {
  readonly limit: number;
  readonly inFlight: number;
  /** Sequences that wait for admission. */
  readonly waiting: number;
  /**
   * Waits for admission, first come, first served. The children of one expansion arrive together and are admitted
   * together, so the server finds the beginning of their prompts in its cache. Every problem gets its turn before any
   * problem gets a second one.
   * @returns a function to call when the request is over; null when the request was evicted and must go to another
   *   server
   * @throws the reason of the signal
   */
  enter(sequences: number): Promise<(() => void) | null>;
  setLimit(sequences: number): void;
  /** Evicts all requests that wait. */
  evict(): void;
}

interface Waiter {
  readonly sequences: number;
  readonly settle: (admitted: boolean) => void;
  readonly fail: (reason: unknown) => void;
}

/** @param signal - ends every wait. The gate adds one listener for all of them, because thousands may wait. */
export function createGate(limit: number, signal: AbortSignal): Gate {
  const queue = new Set<Waiter>(); // in order of insertion
  let [inFlight, waiting] = [0, 0];

  function admit(): void {
    for (const next of queue) {
      // A request larger than the limit would wait for ever, so it runs alone.
      if (inFlight > 0 && inFlight + next.sequences > limit) return;
      leaveQueue(next);
      inFlight += next.sequences;
      next.settle(true);
    }
  }
  function leaveQueue(one: Waiter): void {
    if (queue.delete(one)) waiting -= one.sequences;
  }
  signal.addEventListener('abort', () => {
    for (const one of [...queue]) {
      leaveQueue(one);
      one.fail(signal.reason);
    }
  });
  return {
    get limit() {
      return limit;
    },
    get inFlight() {
      return inFlight;
    },
    get waiting() {
      return waiting;
    },
    async enter(sequences) {
      signal.throwIfAborted();
      const admitted = await new Promise<boolean>((settle, fail) => {
        queue.add({ sequences, settle, fail });
        waiting += sequences;
        admit();
      });
      if (!admitted) return null;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        inFlight -= sequences;
        admit();
      };
    },
    setLimit(sequences) {
      limit = sequences;
      admit();
    },
    evict() {
      for (const one of [...queue]) {
        leaveQueue(one);
        one.settle(false);
      }
    },
  };
}
