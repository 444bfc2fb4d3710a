import { describe, expect, it } from 'vitest';
import { timeOf } from '../../k8s/api/objects.ts';
import { jobStatus } from '../../k8s/status/job-status.ts';
import { type Recorded, recorded, seenOf, settings } from './support.ts';

const { limits } = settings();

/** As recorded, except the status of the Job: the controller has not acted yet. */
function silent(name: string): Recorded {
  const given = recorded(name);
  if (given.job === null) throw new Error(`${name} has no Job`);
  const { conditions: _, ...status } = given.job.status ?? {};
  return { ...given, job: { ...given.job, status: { ...status, active: 1 } } };
}

/** The end of its last program. */
const endOf = ({ pods }: Recorded): number =>
  Math.max(
    ...pods.flatMap(
      ({ status }) => status?.containerStatuses?.map(({ state }) => timeOf(state?.terminated?.finishedAt) ?? 0) ?? [],
    ),
  );

const judged = (story: Recorded, msAfter: number | null) =>
  jobStatus(seenOf(story, msAfter === null ? null : endOf(story) + msAfter), limits).observation;

describe('a Job whose controller is silent', () => {
  it.each(['completed', 'completed-gang'])('has succeeded 3 s after its pods: %s', (name) => {
    expect(judged(silent(name), 2_900).phase).toBe('running');
    expect(judged(silent(name), 3_100).phase).toBe('succeeded');
  });

  it.each([
    ['exit-70', 'Diverged'],
    ['exit-1', 'Crashed'],
    ['oom-killed', 'OutOfMemory'],
  ])('has failed as its pod did: %s', (name, failure) => {
    expect(judged(silent(name), 2_900).phase).toBe('running');
    expect(judged(silent(name), 3_100)).toMatchObject({ phase: 'failed', failure: { class: failure } });
  });

  it('continues while one of its pods runs', () => expect(judged(silent('running'), 3_600_000).phase).toBe('running'));

  it('has no end while the cluster is unreachable', () =>
    expect(judged(silent('completed'), null).phase).toBe('running'));

  it('is not ended if a shard has not started', () => {
    const story = silent('completed');
    const annotations = { ...story.job?.metadata?.annotations, 'orrery.dev/parts': '9' };
    const job = { ...story.job, metadata: { ...story.job?.metadata, annotations } } as Recorded['job'];
    expect(judged({ ...story, job }, 60_000).phase).toBe('running');
  });
});
