import { BatchV1Api, type KubeConfig, makeInformer, type V1Job } from '@kubernetes/client-node';
import { ANNOTATIONS } from '../../k8s/index.ts';

/**
 * When a Job was observed as created and as complete, in ms since the epoch. Times in the objects have only whole
 * seconds.
 */
export interface JobTimes {
  readonly campaign: string;
  readonly stage: string;
  /** The key of the stage. */
  readonly key: string;
  readonly createdAt: number;
  completeAt: number | null;
}

/** Watches the Jobs of a namespace, like `kubectl get jobs --watch`. Name of the Job -> times. */
export async function watchJobTimes(
  config: KubeConfig,
  namespace: string,
): Promise<{ readonly times: ReadonlyMap<string, JobTimes>; stop(): Promise<void> }> {
  const batch = config.makeApiClient(BatchV1Api);
  const times = new Map<string, JobTimes>();
  const look = ({ metadata, status }: V1Job): void => {
    const now = Date.now();
    const name = metadata?.name ?? '';
    const annotation = (key: string) => metadata?.annotations?.[key] ?? '';
    const known = times.get(name) ?? {
      campaign: annotation(ANNOTATIONS.campaign),
      stage: annotation(ANNOTATIONS.stage),
      key: annotation(ANNOTATIONS.key),
      createdAt: now,
      completeAt: null,
    };
    times.set(name, known);
    if (status?.conditions?.some(({ type, status: is }) => type === 'Complete' && is === 'True'))
      known.completeAt ??= now;
  };
  const informer = makeInformer<V1Job>(config, `/apis/batch/v1/namespaces/${namespace}/jobs`, () =>
    batch.listNamespacedJob({ namespace }),
  );
  informer.on('add', look);
  informer.on('update', look);
  await informer.start();
  return { times, stop: () => informer.stop() };
}
