import type { PodState } from '../../executor/index.ts';

/**
 * Time after the end of its pods in which the condition of a Job is awaited. It mostly comes within a second. A Job
 * controller that lost its API server for a minute was seen to stay silent for half a minute more, while the ends of
 * the pods were known at once. *Ours*.
 */
const CONTROLLER_MS = 3000;

/**
 * The end of a Job by its pods, for a Job whose controller is silent. No pod is ever started twice, so the pods decide
 * the end. Null while a pod may still run or start, while an end has no time, or if `now` is null because the cluster
 * is unreachable. Pure.
 * @param pods - one state a part
 * @param now - ms since the epoch
 */
export function endByPods(
  pods: readonly PodState[],
  gang: boolean,
  now: number | null,
): Extract<PodState['phase'], 'succeeded' | 'failed'> | null {
  // After one shard has failed, the controller ends the others and creates no more.
  const begun = pods.filter(({ phase }) => phase !== 'pending');
  if (now === null || begun.length === 0 || begun.some(({ phase }) => phase === 'running')) return null;
  const ends = begun.map(({ finishedAt }) => (finishedAt === null ? Number.NaN : Date.parse(finishedAt)));
  if (!ends.every((end) => end + CONTROLLER_MS <= now)) return null;
  const succeeded = gang
    ? pods.some(({ part, phase }) => part === 0 && phase === 'succeeded')
    : pods.every(({ phase }) => phase === 'succeeded');
  if (succeeded) return 'succeeded';
  return begun.some(({ phase }) => phase === 'failed') ? 'failed' : null;
}
