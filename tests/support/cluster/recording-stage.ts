import {
  BatchV1Api,
  CoreV1Api,
  type KubernetesObject,
  PatchStrategy,
  setHeaderOptions,
  type V1Job,
  type V1Pod,
} from '@kubernetes/client-node';
import { applyObjects } from '../../../dev/cluster/api.ts';
import type { ClusterSettings } from '../../../dev/cluster/settings.ts';
import { eventually, type JobFollower } from './job-story.ts';
import { type RecordedJob, recordedJob } from './recorded-job.ts';
import type { TestNamespace } from './test-namespace.ts';

/** One way in which a Job can go, caused for real. */
export interface Recording {
  /** How it was caused, in words; kept beside what was recorded. */
  readonly how: string;
  readonly act: (stage: Stage) => Promise<void>;
}

/** What a recording acts with. Its Job is called `job`. */
export interface Stage extends TestNamespace {
  readonly settings: ClusterSettings;
  readonly image: string;
  readonly job: string;
  readonly follower: JobFollower;
}

export const MERGE = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
export const SLEEP = 'trap "exit 143" TERM; sleep 600 & wait';
export const DEAF = 'trap "" TERM; sleep 600';
export const BROKEN = 'trap "exit 1" TERM; sleep 600 & wait';

export const create = async (stage: Stage, job: Partial<RecordedJob>): Promise<void> => {
  const { admin, name: namespace, image } = stage;
  const body = recordedJob({ name: stage.job, namespace, image, ...job });
  await admin.makeApiClient(BatchV1Api).createNamespacedJob({ namespace, body });
};
export const podsOf = ({ follower, job }: Stage): V1Pod[] =>
  [...follower.pods.values()].filter(({ metadata }) => metadata?.labels?.['batch.kubernetes.io/job-name'] === job);
export const jobOf = ({ follower, job }: Stage): V1Job | undefined => follower.jobs.get(job);

/** Creates the Job, and waits for what is to be seen of it. */
export const createThen =
  (job: Partial<RecordedJob>, seen: (stage: Stage) => Promise<void>) =>
  async (stage: Stage): Promise<void> => {
    await create(stage, job);
    await seen(stage);
  };

export const running = (stage: Stage, count = 1) =>
  eventually('pods run', () => podsOf(stage).filter(({ status }) => status?.phase === 'Running').length >= count);
export const conditioned = (stage: Stage, type: string) =>
  eventually(
    `the Job is ${type}`,
    () => jobOf(stage)?.status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false,
    90_000,
  );
export const failed = (stage: Stage) => conditioned(stage, 'Failed');
export const waitingFor = (stage: Stage, reason: RegExp) =>
  eventually(`a container waits: ${reason}`, () =>
    podsOf(stage).some(({ status }) =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(({ state }) =>
        reason.test(state?.waiting?.reason ?? ''),
      ),
    ),
  );
export const unschedulable = (stage: Stage) =>
  eventually('the scheduler says why', () =>
    podsOf(stage).some(({ status }) => status?.conditions?.some(({ reason }) => reason === 'Unschedulable')),
  );
export const eventSeen = async (stage: Stage, reason: string) => {
  const core = stage.admin.makeApiClient(CoreV1Api);
  await eventually(`an event ${reason}`, async () => {
    const { items } = await core.listNamespacedEvent({ namespace: stage.name });
    return items.some((event) => event.reason === reason);
  });
};
export const apply = ({ admin, name: namespace }: Stage, object: KubernetesObject) =>
  applyObjects(admin, [{ ...object, metadata: { namespace, ...object.metadata } }]);
