/** What an activity answered, and when it ran by the clock of its worker (ms since the epoch): the workflow's books tell waits by it. */
export interface Timed<T> {
  readonly value: T;
  readonly startedAt: number;
  readonly finishedAt: number;
}

export async function timed<T>(act: () => Promise<T>): Promise<Timed<T>> {
  const startedAt = Date.now();
  const value = await act();
  return { value, startedAt, finishedAt: Date.now() };
}
