import { describe, expect, it, test } from 'vitest';
import type { Job, KubeEvent, Pod } from '../../k8s/api/objects.ts';
import { ANNOTATIONS, LABELS } from '../../k8s/manifests/labels.ts';
import type { JobSnapshot } from '../../k8s/status/job-snapshot.ts';
import { jobStatus } from '../../k8s/status/job-status.ts';
import { seePod } from '../../k8s/status/seen-pod.ts';
import { describeAdmission } from '../../k8s/status/snapshot.ts';
import { settings } from './support.ts';

const limits = { ...settings().limits, pendingSeconds: 600, imageGraceSeconds: 60 };
const BEGAN = Date.parse('2026-01-01T00:00:00Z');
const later = (seconds: number): number => BEGAN + seconds * 1000;

/** A Job of `parts` pods without nodes, except as a case says. */
function aJob({ parts = 1, shape = 'shards', suspend = false, queue = '' } = {}): Job {
  return {
    metadata: {
      name: 'tiny-sft',
      uid: 'job',
      creationTimestamp: new Date(BEGAN).toISOString(),
      annotations: { [ANNOTATIONS.parts]: String(parts), [ANNOTATIONS.shape]: shape },
      labels: queue === '' ? {} : { [LABELS.queue]: queue },
    },
    spec: { parallelism: parts, completions: parts, suspend, template: {} },
    status: {},
  } as unknown as Job;
}

const aPod = (part: number, status: object, node: string | null = null): Pod =>
  ({
    metadata: {
      name: `tiny-sft-${part}`,
      uid: `pod-${part}`,
      creationTimestamp: new Date(BEGAN).toISOString(),
      annotations: { [ANNOTATIONS.index]: String(part) },
    },
    spec: { nodeName: node ?? undefined },
    status: { phase: 'Pending', ...status },
  }) as unknown as Pod;

const unplaced = (message: string) => ({
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
});
const waiting = (reason: string, message?: string) => ({
  containerStatuses: [{ name: 'main', restartCount: 0, state: { waiting: { reason, message } } }],
});
const running = { phase: 'Running', containerStatuses: [{ name: 'main', restartCount: 0, state: { running: {} } }] };
const server = (status: object) => ({ initContainerStatuses: [{ name: 'policy-server', restartCount: 0, ...status }] });
const warning = (reason: string, message: string): KubeEvent => ({ type: 'Warning', reason, message }) as never;

const seen = (
  job: Job,
  pods: Pod[],
  now: number | null,
  jobEvents: KubeEvent[] = [],
  admission: string | null = null,
): JobSnapshot => ({
  job,
  jobEvents,
  now,
  takenAt: now,
  admission,
  podEvents: new Map(),
  nodes: new Map(),
  pods: pods.map((pod) => seePod(undefined, pod, false)),
});

const NO_GPU = '0/4 nodes are available: 4 Insufficient nvidia.com/gpu.';

describe('the reason why a pod does not run is reported at once, and ends the Job when waiting is useless', () => {
  it.each([
    { name: 'no machine', pod: aPod(0, unplaced(NO_GPU)), message: NO_GPU, givenUpAfter: 601, want: 'Unschedulable' },
    {
      name: 'a missing claim',
      pod: aPod(0, unplaced('persistentvolumeclaim "orrery-store" not found')),
      message: 'persistentvolumeclaim "orrery-store" not found',
      givenUpAfter: 61,
      want: 'ImageError',
    },
    {
      name: 'an image that cannot be pulled',
      pod: aPod(0, waiting('ImagePullBackOff', 'no such host'), 'a'),
      message: 'main cannot be started: ImagePullBackOff: no such host',
      givenUpAfter: 61,
      want: 'ImageError',
    },
    {
      name: 'a missing Secret',
      pod: aPod(0, waiting('CreateContainerConfigError', 'secret "hf" not found'), 'a'),
      message: 'main cannot be started: CreateContainerConfigError: secret "hf" not found',
      givenUpAfter: 61,
      want: 'ImageError',
    },
    {
      name: 'a name that no image can have',
      pod: aPod(0, waiting('InvalidImageName'), 'a'),
      message: 'main cannot be started: InvalidImageName',
      givenUpAfter: 0,
      want: 'ImageError',
    },
    {
      name: 'a policy server whose weights are wrong',
      pod: aPod(0, server({ lastState: { terminated: { exitCode: 65, message: 'no weights in /models' } } }), 'a'),
      message: 'the policy server does not start: no weights in /models',
      givenUpAfter: 0,
      want: 'InvalidInput',
    },
    {
      name: 'a policy server that crashes again and again',
      pod: aPod(0, server({ restartCount: 3, lastState: { terminated: { exitCode: 1 } } }), 'a'),
      message: 'the policy server does not start: exit code 1',
      givenUpAfter: 0,
      want: 'DependencyDown',
    },
  ])('$name', ({ pod, message, givenUpAfter, want }) => {
    const at = (now: number | null) => jobStatus(seen(aJob(), [pod], now), limits);
    expect(at(later(1)).observation.message).toBe(message);
    if (givenUpAfter > 1) expect(at(later(givenUpAfter - 2)).giveUp).toBeNull();
    expect(at(later(givenUpAfter)).giveUp).toMatchObject({ class: want, message: message });
    expect(at(null).giveUp).toBeNull(); // an unreachable API server is never evidence that a job failed
  });
});

test('running shards need no others; a gang waits for its last rank until a limit', () => {
  const pods = [aPod(0, running, 'a'), aPod(1, unplaced(NO_GPU))];
  expect(jobStatus(seen(aJob({ parts: 2 }), pods, later(9999)), limits).giveUp).toBeNull();
  const { observation, giveUp } = jobStatus(seen(aJob({ parts: 2, shape: 'gang' }), pods, later(9999)), limits);
  expect(observation.message).toBe(`1 of 2 pods wait: ${NO_GPU}`);
  expect(giveUp).toMatchObject({ class: 'Unschedulable', part: 1 });
});

describe('pods that are refused', () => {
  const refused = (message: string) => [warning('FailedCreate', `Error creating: pods "x" is forbidden: ${message}`)];
  it.each([
    {
      name: 'by a quota wait for it',
      message: 'exceeded quota: gpus, requested: 8',
      givenUpAfter: 601,
      want: 'Unschedulable',
    },
    {
      name: 'by Pod Security are never accepted',
      message: 'violates PodSecurity "restricted"',
      givenUpAfter: 61,
      want: 'InvalidInput',
    },
    {
      name: 'by a webhook are never accepted',
      message: 'admission webhook "x" denied the request: no',
      givenUpAfter: 61,
      want: 'InvalidInput',
    },
  ])('$name', ({ message, givenUpAfter, want }) => {
    const at = (seconds: number) => jobStatus(seen(aJob(), [], later(seconds), refused(message)), limits);
    expect(at(1).observation).toMatchObject({ phase: 'pending', message: expect.stringContaining(message) });
    expect(at(givenUpAfter - 2).giveUp).toBeNull();
    expect(at(givenUpAfter).giveUp?.class).toBe(want);
  });
});

describe('a Job that somebody else suspends', () => {
  const message = (job: Job, admission: string | null = null) =>
    jobStatus(seen(job, [], later(99_999), [], admission), limits);

  test('waits in Kueue without a limit, with the message of Kueue', () => {
    const { observation, giveUp } = message(aJob({ suspend: true, queue: 'research' }), 'insufficient unused quota');
    expect(observation).toMatchObject({
      phase: 'pending',
      message: 'waits in queue research: insufficient unused quota',
    });
    expect(giveUp).toBeNull();
  });

  test('says that it was suspended by others, and waits for them', () => {
    const { observation, giveUp } = message(aJob({ suspend: true }));
    expect(observation.message).toMatch(/^somebody else has suspended the Job/);
    expect(giveUp).toBeNull();
  });
});

test('Kueue says why a workload waits, or that it was evicted', () => {
  const workload = (...conditions: object[]) => ({ status: { conditions } });
  const noQuota = { type: 'QuotaReserved', status: 'False', message: 'insufficient quota for nvidia.com/gpu' };
  expect(describeAdmission(workload(noQuota))).toBe('insufficient quota for nvidia.com/gpu');
  expect(
    describeAdmission(workload(noQuota, { type: 'Evicted', status: 'True', message: 'Preempted to accommodate x' })),
  ).toBe('Preempted to accommodate x');
  expect(describeAdmission(undefined)).toBeNull();
});

test('a Job that was given up is reported the same by every later observer', () => {
  const failure = { class: 'Unschedulable', message: NO_GPU, exitCode: null, part: 0, node: null } as const;
  const job = aJob({ suspend: true });
  job.metadata!.annotations![ANNOTATIONS.givenUp] = JSON.stringify(failure);
  expect(jobStatus(seen(job, [aPod(0, unplaced(NO_GPU))], later(1)), limits).observation.phase).toBe('pending');
  job.status!.conditions = [{ type: 'Suspended', status: 'True' }];
  expect(jobStatus(seen(job, [], later(1)), limits).observation).toMatchObject({ phase: 'failed', failure });
});
