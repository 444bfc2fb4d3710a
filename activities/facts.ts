import type { JobObservation } from '../executor/index.ts';
import type { ExecutionFacts, KeptWork, Progress } from '../spec/index.ts';

/**
 * Times and work of an execution that has ended. Pure.
 * @param progress - the last progress that its pods reported; null when they reported none
 * @param kept - the part of its work that the next attempt finds done
 */
export function executionFacts(
  observed: JobObservation | null,
  progress: Progress | null,
  attempt: number,
  kept: KeptWork | null,
): ExecutionFacts {
  const pods = observed?.pods ?? [];
  const own = progress?.attempt === attempt ? progress : null;
  return {
    firstPodAt: pods.flatMap(({ startedAt }) => startedAt ?? []).toSorted()[0] ?? null,
    beganAt: own?.beganAt ?? null,
    toldAt: own?.updatedAt ?? null,
    endedAt:
      pods
        .flatMap(({ finishedAt }) => finishedAt ?? [])
        .toSorted()
        .at(-1) ?? null,
    from: own?.from ?? null,
    done: own?.done ?? null,
    unit: progress?.unit ?? null,
    savingSeconds: own?.savingSeconds ?? 0,
    kept,
  };
}
