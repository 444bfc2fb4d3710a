/** Lets requests through in the order in which they came, as long as their sequences stay within a limit that may move. */
export interface Gate {
  readonly limit: number;
  readonly inFlight: number;
  /** Sequences that wait to be let through. */
  readonly waiting: number;
  /**
   * Waits for its turn. First come, first served: the children of one expansion come together and go together, so that a server finds the
   * beginning of their prompts in its cache, and every problem has its turn before one has the next.
   * @returns what to call when the request is over; null where the gate was closed meanwhile, and the request has to go elsewhere
   * @throws the reason of the signal
   */
  enter(sequences: number): Promise<(() => void) | null>;
  setLimit(sequences: number): void;
  /** Sends away all that wait. */
  sendAway(): void;
}

interface Waiting {
  readonly sequences: number;
  readonly settle: (through: boolean) => void;
  readonly fail: (reason: unknown) => void;
}

/** @param signal - ends every wait; listened to once, since thousands may wait */
export function createGate(limit: number, signal: AbortSignal): Gate {
  const queue = new Set<Waiting>(); // in order of insertion
  let [inFlight, waiting] = [0, 0];

  function letThrough(): void {
    for (const next of queue) {
      // What is larger than the limit would wait for ever: it goes alone.
      if (inFlight > 0 && inFlight + next.sequences > limit) return;
      leaveQueue(next);
      inFlight += next.sequences;
      next.settle(true);
    }
  }
  function leaveQueue(one: Waiting): void {
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
      const through = await new Promise<boolean>((settle, fail) => {
        queue.add({ sequences, settle, fail });
        waiting += sequences;
        letThrough();
      });
      if (!through) return null;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        inFlight -= sequences;
        letThrough();
      };
    },
    setLimit(sequences) {
      limit = sequences;
      letThrough();
    },
    sendAway() {
      for (const one of [...queue]) {
        leaveQueue(one);
        one.settle(false);
      }
    },
  };
}
