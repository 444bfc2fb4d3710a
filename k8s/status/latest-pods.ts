import type { PodState } from '../../executor/index.ts';
import { annotationOf, timeOf } from '../api/objects.ts';
import { ANNOTATIONS } from '../manifests/labels.ts';
import type { JobSnapshot } from './job-snapshot.ts';
import { noPod, partOf, podState } from './pod-state.ts';
import type { SeenPod } from './seen-pod.ts';

/** The state of every part: the state of its latest pod. Pure. */
export function latestPods({ job, pods }: JobSnapshot): PodState[] {
  const parts = Number(annotationOf(job, ANNOTATIONS.parts) ?? job.spec?.completions ?? 1);
  const latest = new Map<number, SeenPod>();
  for (const one of pods) {
    const before = latest.get(partOf(one.pod));
    const isLater = before === undefined || createdAt(one) > createdAt(before) || (before.gone && !one.gone);
    if (isLater) latest.set(partOf(one.pod), one);
  }
  const done = completedIndexes(job.status?.completedIndexes);
  return Array.from({ length: parts }, (_, part) => {
    const one = latest.get(part);
    if (one !== undefined) return podState(one.pod, one.gone);
    // A worker that starts late finds no pods of parts that finished long ago. The status of the Job still lists them.
    return done(part) ? { ...noPod(part), phase: 'succeeded' as const, exitCode: 0 } : noPod(part);
  });
}

const createdAt = ({ pod }: SeenPod): number => timeOf(pod.metadata?.creationTimestamp) ?? 0;

/** `0,2-5` as a test of membership. */
function completedIndexes(text: string | undefined): (part: number) => boolean {
  const ranges = (text ?? '').split(',').filter(Boolean);
  const bounds = ranges.map((range) => range.split('-').map(Number));
  return (part) => bounds.some(([from = 0, to = from]) => from <= part && part <= to);
}
