import type { PodState } from '../../executor/index.ts';
import { annotationOf, type Job, type Pod } from '../api/objects.ts';
import { ANNOTATIONS, LABELS } from '../manifests/labels.ts';

/** A part in the store: which attempt has published it, and when. */
export interface PublishedPart {
  readonly attempt: number;
  /** ISO 8601. */
  readonly finishedAt: string;
}

/** The key of the stage of a Job or pod; null if somebody has changed the annotation. A path is made of it. Pure. */
export function stageKeyOf(object: Pick<Job | Pod, 'metadata'>): string | null {
  const key = annotationOf(object, ANNOTATIONS.key);
  return key !== null && /^[0-9a-f]{64}$/.test(key) ? key : null;
}

/** Number of pods of a Job that publish a part: every shard, or only rank 0 of a gang. Pure. */
export const publishersOf = (job: Job): number =>
  isGang(job) ? 1 : Number(annotationOf(job, ANNOTATIONS.parts) ?? job.spec?.completions ?? 1);

/**
 * The pods of a Job whose work is in the store as a whole; null while a part is missing. Pure. A program writes its
 * part last, so the Job has ended then, whatever its containers still do. A kubelet reports their end a second later,
 * and the Job controller another two.
 *
 * A part of another attempt is not enough: the program of this attempt may find it damaged, and is then about to make
 * it again. So such a part counts once the program has ended with 0.
 *
 * A Job that is being stopped ends when nothing of it runs.
 * @param pods - one state a part
 * @param parts - the parts that were found in the store
 */
export function endByParts(
  job: Job,
  pods: readonly PodState[],
  parts: ReadonlyMap<number, PublishedPart>,
): readonly PodState[] | null {
  if (isBeingStopped(job)) return null;
  const attempt = Number(job.metadata?.labels?.[LABELS.attempt]);
  const isDone = (part: number): boolean => {
    const published = parts.get(part);
    if (published === undefined) return false;
    return published.attempt === attempt || pods[part]?.exitCode === 0;
  };
  if (!Array.from({ length: publishersOf(job) }, (_, part) => part).every(isDone)) return null;
  return pods.map((pod): PodState => {
    if (pod.phase === 'succeeded' || pod.phase === 'failed') return pod;
    const { finishedAt = null } = parts.get(isGang(job) ? 0 : pod.part) ?? {};
    return { ...pod, phase: 'succeeded', finishedAt: pod.finishedAt ?? finishedAt };
  });
}

export const isBeingStopped = (job: Job): boolean =>
  job.spec?.suspend === true ||
  annotationOf(job, ANNOTATIONS.stoppedAt) !== null ||
  annotationOf(job, ANNOTATIONS.givenUp) !== null;

const isGang = (job: Job): boolean => annotationOf(job, ANNOTATIONS.shape) === 'gang';
