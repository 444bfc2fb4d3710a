import type { PodState } from '../../executor/index.ts';

/**
 * For so long after the end of its pods a Job's own word is waited for. It mostly comes within a second; a Job controller that lost its API server
 * for a minute was seen to be silent for half a minute more, while the pods' ends were known at once. *Ours*.
 */
const CONTROLLER_MS = 3000;

/**
 * What the pods of a Job say of its end, where its controller does not say it: no pod is ever started a second time, so that nothing else can come
 * of it. Null as long as one may still run or begin, its end has no time, or `now` is null: the cluster is not heard. Pure.
 * @param pods - one state a part
 * @param now - ms since the epoch
 */
export function endByPods(
  pods: readonly PodState[],
  gang: boolean,
  now: number | null,
): Extract<PodState['phase'], 'succeeded' | 'failed'> | null {
  // Where one shard has failed, its controller ends the others and creates no more.
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
