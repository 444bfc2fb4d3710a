import { describe, expect, it, test } from 'vitest';
import type { Pod } from '../../k8s/api/objects.ts';
import { ANNOTATIONS } from '../../k8s/manifests/labels.ts';
import { jobStatus } from '../../k8s/status/job-status.ts';
import { kubernetesOutcome } from '../../k8s/status/outcome.ts';
import { type SeenPod, seePod } from '../../k8s/status/seen-pod.ts';
import { recorded, recordings, seenOf, settings } from './support.ts';

const { limits } = settings();
/** A time long after all recordings. */
const LATE = Date.parse('2100-01-01T00:00:00Z');

const outcomeOf = (name: string, now: number | null = LATE) =>
  kubernetesOutcome(jobStatus(seenOf(recorded(name), now), limits).observation, 3);

/** Jobs that ended on the real cluster, and the row of the failure table of each. */
const ENDED: Readonly<
  Record<string, 'completed' | 'stopped' | readonly [failure: string, message: RegExp, node?: string | null]>
> = {
  completed: 'completed',
  'completed-gang': 'completed',
  'command-missing': ['ImageError', /^the container could not be started: .*no such file or directory$/],
  deadline: ['Stalled', /deadlineSeconds/, null],
  drained: ['Preempted', /drain of the node/],
  'evicted-disk': ['NodeFailure', /low on resource: ephemeral-storage/],
  'evicted-memory': ['OutOfMemory', /low on resource: memory/],
  'evicted-own-disk': ['Crashed', /EmptyDir volume "scratch" exceeds the limit/],
  'exit-1': ['Crashed', /^Traceback: it went wrong \(the program ended with exit code 1\)/],
  'exit-143': ['Preempted', /SIGTERM/],
  'exit-65': ['InvalidInput', /^stage\.json: config\.epochs: expected a number, but got nothing$/],
  'exit-69': ['DependencyDown', /^the policy server does not answer$/],
  'exit-70': ['Diverged', /^the loss is NaN at optimizer step 12$/],
  'exit-71': ['OutOfMemory', /^CUDA out of memory$/],
  'exit-72': ['NodeFailure', /^NCCL error/],
  'exit-75': 'stopped',
  'killed-137': ['Crashed', /killed by SIGKILL/],
  'node-removed': ['NodeFailure', /node no longer exists/, 'gone-0'],
  // The node is ready again when its pod has ended, so it is not excluded.
  'node-returned': ['Preempted', /NoExecute taint/],
  'one-shard-failed': ['Diverged', /^loss is NaN$/],
  'oom-killed': ['OutOfMemory', /OOMKilled/],
  'pod-deleted': ['Preempted', /its pod was deleted/],
  'pod-deleted-broken': ['Preempted', /its pod was deleted/],
  'pod-deleted-deaf': ['Preempted', /its pod was deleted/],
  'pod-deleted-force': ['Preempted', /its pod was deleted/],
  preempted: ['Preempted', /pods of a higher priority/],
  'rejected-disk': ['NodeFailure', /DiskPressure/],
  'rejected-memory': ['NodeFailure', /enough resource: memory/],
  'suspended-by-others': ['Preempted', /^somebody else suspended the Job while it ran$/, null],
};

/** Jobs that had not ended: the phase, the message, and the class of their failure if they stay so. */
const UNDER_WAY: Readonly<Record<string, readonly [phase: string, message: RegExp | null, givenUp: string | null]>> = {
  running: ['running', null, null],
  'claim-missing': ['pending', /persistentvolumeclaim "no-such-claim" not found/, 'ImageError'],
  'image-missing': ['pending', /ImagePullBackOff: .*no such host/, 'ImageError'],
  'image-never': ['pending', /ErrImageNeverPull: .* pull policy of Never/, 'ImageError'],
  'node-lost': ['running', /the node does not answer: real-0: Kubelet stopped posting node status/, 'NodeFailure'],
  'node-not-ready': ['running', /^the node does not answer: real-0: Kubelet stopped posting node status/, null],
  'pod-security-refused': ['pending', /violates PodSecurity "restricted:latest"/, 'InvalidInput'],
  // It was started twice.
  'policy-server-fails': ['pending', /does not start: model\.safetensors is missing/, null],
  'policy-server-never-ready': ['running', /does not start: it was not ready in time, and started again/, null],
  'quota-refused': ['pending', /exceeded quota: gpus, requested: requests\.nvidia\.com\/gpu=8/, 'Unschedulable'],
  'secret-missing': ['pending', /CreateContainerConfigError: secret "hugging-face" not found/, 'ImageError'],
  'unschedulable-gpus': ['pending', /1 Insufficient nvidia\.com\/gpu/, 'Unschedulable'],
  'unschedulable-selector': ['pending', /didn't match Pod's node affinity\/selector/, 'Unschedulable'],
  // Refused first and accepted later, so the refusal is over.
  'webhook-refused': ['pending', /^is starting$/, 'Unschedulable'],
};
/** These have no Job any more. The executor reports their end from memory. */
const GONE = ['deleted-by-others'];

describe('a Job that was recorded on a real cluster', () => {
  it.each(Object.entries(ENDED))('%s ended as the failure table says', (name, want) => {
    const outcome = outcomeOf(name);
    if (typeof want === 'string') return expect(outcome).toEqual({ kind: want });
    const [failure, message, node = 'real-0'] = want;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { class: failure, attempt: 3, node } });
    expect(outcome.kind === 'failed' && outcome.failure.message).toMatch(message);
  });

  it.each(Object.keys(ENDED))('%s is reported the same whether or not its cluster is reachable', (name) => {
    expect(outcomeOf(name, null)).toEqual(outcomeOf(name));
  });

  it.each(Object.entries(UNDER_WAY))(
    '%s continues, and is reported with a message',
    (name, [phase, message, givenUp]) => {
      const { observation, giveUp } = jobStatus(seenOf(recorded(name), LATE), limits);
      expect(observation.phase).toBe(phase);
      if (message === null) expect(observation.message).toBeNull();
      else expect(observation.message).toMatch(message);
      expect(giveUp?.class ?? null).toBe(givenUp);
    },
  );

  it.each(Object.keys(UNDER_WAY))('%s is not given up while its cluster is unreachable', (name) => {
    expect(jobStatus(seenOf(recorded(name), null), limits).giveUp).toBeNull();
  });
});

test('the pod that failed first decides, even if others were asked to end after it', () => {
  const seen = seenOf(recorded('one-shard-failed'), LATE);
  for (const pods of [seen.pods, seen.pods.toReversed()]) {
    expect(jobStatus({ ...seen, pods }, limits).observation.failure).toMatchObject({ class: 'Diverged', part: 1 });
  }
});

describe('a pod that was deleted', () => {
  const exit1 = () => seenOf(recorded('exit-1'), LATE);

  test('after it had ended by itself has its own failure', () => {
    const seen = exit1();
    const [{ pod }] = seen.pods as [SeenPod];
    const cleanedAway = { ...pod, metadata: { ...pod.metadata, ...goingAt('2099-01-01T00:00:00Z') } };
    const pods = [seePod(seen.pods[0], cleanedAway, true)];
    expect(jobStatus({ ...seen, pods }, limits).observation.failure).toMatchObject({ class: 'Crashed', exitCode: 1 });
  });

  test('is the cause of the failures of other ranks, unless they failed first', () => {
    const cause = seenOf(recorded('pod-deleted-force'), LATE);
    const [{ pod: echo }] = exit1().pods as [SeenPod];
    const asked = cause.pods[0]?.deletedAt ?? 0;
    for (const [seconds, failure] of [
      [2, 'Preempted'],
      [-2, 'Crashed'],
    ] as const) {
      const pods = [...cause.pods, seePod(undefined, endedAt(echo, asked + seconds * 1000), false)];
      expect(jobStatus({ ...cause, pods }, limits).observation.failure).toMatchObject({ class: failure });
    }
  });
});

const goingAt = (deletionTimestamp: string) => ({ deletionTimestamp, deletionGracePeriodSeconds: 0 });

/** The pod with another end time of its main program. */
function endedAt(pod: Pod, time: number): Pod {
  const [status] = pod.status?.containerStatuses ?? [];
  const terminated = { ...status?.state?.terminated, finishedAt: new Date(time).toISOString() };
  return { ...pod, status: { ...pod.status, containerStatuses: [{ ...status, state: { terminated } }] } } as Pod;
}

test('if no pod is left, the condition of the Job gives the failure', () => {
  const { observation } = jobStatus({ ...seenOf(recorded('exit-70'), LATE), pods: [] }, limits);
  expect(observation.failure).toMatchObject({ class: 'Diverged', exitCode: 70, node: null });
});

test('a Job without other information than that it runs has not failed', () => {
  const seen = seenOf(recorded('running'), LATE);
  const { observation, giveUp } = jobStatus({ ...seen, pods: [] }, limits);
  expect([observation.phase, giveUp]).toEqual(['pending', null]);
});

describe('a silent node', () => {
  const NODE = 'real-0';
  const lost = (changes: { deletedAt?: string; taint?: boolean }, now: number | null = LATE) => {
    const seen = seenOf(recorded('running'), now);
    const ready = { type: 'Ready', status: 'Unknown', message: 'Kubelet stopped posting node status.' };
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' };
    const pods = seen.pods.map(({ pod, ...how }) => ({
      ...how,
      pod: {
        ...pod,
        metadata: { ...pod.metadata, ...(changes.deletedAt ? { deletionTimestamp: changes.deletedAt } : {}) },
        status: {
          ...pod.status,
          conditions: [...(pod.status?.conditions ?? []), ...(changes.taint ? [condition] : [])],
        },
      },
    }));
    return { ...seen, pods, nodes: new Map([[NODE, { status: { conditions: [ready] } }]]) } as unknown as typeof seen;
  };

  test('is reported at once, and awaited: it may come back', () => {
    const { observation, giveUp } = jobStatus(lost({}), limits);
    expect(observation.message).toMatch(/2 of 2 pods wait: the node does not answer: .*Kubelet stopped posting/);
    expect(giveUp).toBeNull();
  });

  test('has failed once its pods were evicted, because the node will never report their end', () => {
    const { giveUp } = jobStatus(lost({ deletedAt: '2026-11-28T02:00:00Z', taint: true }), limits);
    expect(giveUp).toMatchObject({ class: 'NodeFailure', node: NODE });
  });

  test('has not failed while the cluster itself is unreachable', () => {
    expect(jobStatus(lost({ deletedAt: '2026-11-28T02:00:00Z', taint: true }, null), limits).giveUp).toBeNull();
  });

  test('has failed if it has not ended a pod long after its grace', () => {
    const seen = lost({ deletedAt: '2026-11-28T02:00:00Z' });
    const blind = { ...seen, nodes: new Map() };
    const at = (seconds: number) => ({ ...blind, now: Date.parse('2026-11-28T02:00:00Z') + seconds * 1000 });
    expect(jobStatus(at(5), limits)).toMatchObject({ giveUp: null, observation: { message: null } });
    expect(jobStatus(at(60), limits).giveUp).toMatchObject({ class: 'NodeFailure' });
  });
});

describe('a Job that was asked to stop', () => {
  const stopped = (name: string, conditions: object[] = []) => {
    const seen = seenOf(recorded(name), LATE);
    const { metadata, status } = seen.job;
    const annotations = { ...metadata?.annotations, [ANNOTATIONS.stoppedAt]: '2026-01-01T00:00:00.000Z' };
    const job = {
      ...seen.job,
      metadata: { ...metadata, annotations },
      status: { ...status, active: 0, conditions: [...(status?.conditions ?? []), ...conditions] },
    };
    return { ...seen, job } as typeof seen;
  };
  const SUSPENDED = { type: 'Suspended', status: 'True' };

  test('has not stopped while a pod of it runs', () => {
    expect(jobStatus(stopped('running', [SUSPENDED]), limits).observation.phase).toBe('running');
  });
  test('has not stopped before the Job controller has confirmed it', () => {
    expect(jobStatus({ ...stopped('running'), pods: [] }, limits).observation.phase).toBe('pending');
  });
  test('has stopped once nothing of it is left', () => {
    expect(jobStatus({ ...stopped('running', [SUSPENDED]), pods: [] }, limits).observation.phase).toBe('stopped');
  });
  test('has stopped if its pods ended because of the request', () => {
    expect(jobStatus(stopped('exit-143'), limits).observation.phase).toBe('stopped');
  });
  test('has succeeded if its success came first', () => {
    expect(jobStatus(stopped('completed'), limits).observation.phase).toBe('succeeded');
  });
});

describe('one shard of eight without a node', () => {
  const MINUTE = 60_000;
  /** Eight shards: the last as recorded without a node, the others in the state of another recording. */
  const eight = (others: string, waits: string, now: number) => {
    const waiting = seenOf(recorded(waits), now);
    const [last] = waiting.pods as [SeenPod];
    const [other] = seenOf(recorded(others), now).pods as [SeenPod];
    const asPart = ({ pod, ...how }: SeenPod, part: number): SeenPod => ({
      ...how,
      pod: {
        ...pod,
        metadata: {
          ...pod.metadata,
          uid: `${part}`,
          creationTimestamp: '2026-01-01T00:00:00Z', // all at once, long ago
          annotations: { ...pod.metadata?.annotations, [ANNOTATIONS.index]: String(part) },
        },
      },
    });
    const pods = Array.from({ length: 8 }, (_, part) => asPart(part === 7 ? last : other, part));
    const annotations = { ...waiting.job.metadata?.annotations, [ANNOTATIONS.parts]: '8' };
    const job = { ...waiting.job, metadata: { ...waiting.job.metadata, annotations } };
    return { ...waiting, job, pods } as typeof waiting;
  };
  const endOfOthers = Date.parse(
    jobStatus(eight('completed', 'unschedulable-gpus', LATE), limits).observation.pods[0]?.finishedAt ?? '',
  );
  const at = (ms: number, waits = 'unschedulable-gpus') =>
    jobStatus(eight('completed', waits, endOfOthers + ms), limits);

  test.each(['unschedulable-gpus', 'unschedulable-selector'])('is given up once the others have ended: %s', (waits) => {
    const { giveUp, observation } = at(240 * 60 * MINUTE, waits);
    expect(observation.phase).toBe('running');
    expect(giveUp).toMatchObject({ class: 'Unschedulable', part: 7 });
  });

  test('has its whole limit from the time at which the others freed their nodes', () => {
    const limit = limits.pendingSeconds * 1000;
    expect(at(limit - MINUTE).giveUp).toBeNull();
    expect(at(limit + MINUTE).giveUp).toMatchObject({ class: 'Unschedulable' });
  });

  test('is reported and awaited while the others run, because it may get their nodes', () => {
    const { giveUp, observation } = jobStatus(eight('running', 'unschedulable-gpus', LATE), limits);
    expect(giveUp).toBeNull();
    expect(observation.message).toMatch(/1 of 8 pods wait: .*Insufficient nvidia/);
  });

  test('is given up while the others run if it has a node and does not start there', () => {
    const { giveUp } = jobStatus(eight('running', 'webhook-refused', LATE), limits);
    expect(giveUp).toMatchObject({ class: 'Unschedulable', part: 7, node: 'real-0' });
  });
});

test('every recording is in a table here', () => {
  expect(recordings().filter((name) => !(name in ENDED) && !(name in UNDER_WAY) && !GONE.includes(name))).toEqual([]);
});
