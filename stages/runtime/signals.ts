/**
 * Does `work` with a controller of its own that aborts as soon as one of `signals` does, for its reason, and lets go of them when the work
 * is over. `AbortSignal.any` does as much, but stays in memory for as long as anyone who was given it listens: at millions of requests in
 * a stage, with a client that never stops listening, that is the memory of the pod.
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
