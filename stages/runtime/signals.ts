/**
 * Runs `work` with its own controller. That controller aborts when one of `signals` aborts, with the same reason.
 * Afterwards the listeners are removed.
 *
 * `AbortSignal.any` does the same, but it stays in memory as long as somebody who was given it listens. With millions
 * of requests in a stage, and a client that never stops listening, the pod would run out of memory.
 */
export async function withSignals<T>(
  signals: readonly AbortSignal[],
  work: (own: AbortController) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const links = signals.map((signal) => ({ signal, onAbort: () => own.abort(signal.reason) }));
  for (const { signal, onAbort } of links) {
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  }
  try {
    return await work(own);
  } finally {
    for (const { signal, onAbort } of links) signal.removeEventListener('abort', onAbort);
  }
}
