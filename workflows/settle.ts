import { isCancellation } from '@temporalio/workflow';

/**
 * Waits until every promise has settled, then throws the first error. A cancellation has priority: the other errors
 * follow from it. With `Promise.all` the first failed arm would end the campaign while the others still run.
 */
export async function allOrFirstError(promises: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (errors.length > 0) throw errors.find(isCancellation) ?? errors[0];
}

/** For a signal to a workflow that may have ended: then there is nothing left to tell it. A cancellation is thrown. */
export function ignoreUnlessCancelled(error: unknown): void {
  if (isCancellation(error)) throw error;
}
