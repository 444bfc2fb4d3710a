import { stat } from 'node:fs/promises';
import { jobHasEnded } from '../executor/index.ts';
import { manifestPath, stageDir } from '../store/index.ts';
import type { Job, Pod } from './api/objects.ts';
import type { Cluster } from './cluster.ts';
import { JobChanges } from './job-changes.ts';
import { saveLogs } from './logs/logs.ts';
import { LABELS } from './manifests/labels.ts';
import { stageKeyOf } from './status/end-by-parts.ts';
import { noteStopped } from './status/store-notes.ts';
import { suspendJob } from './stop.ts';

/** Time for programs to end after the last part. They mostly exit at once, and the kubelet needs seconds. *Ours*. */
const LEFTOVER_MS = 60_000;

/**
 * Whether a Job or pod of this store is ending by itself: its stage was sealed less than {@link LEFTOVER_MS} ago. It is
 * no orphan, and frees its resources soon.
 */
export async function isEnding({ instance, store }: Cluster, object: Job | Pod): Promise<boolean> {
  const key = stageKeyOf(object);
  if (key === null || object.metadata?.labels?.[LABELS.instance] !== instance) return false;
  const sealed = await stat(manifestPath(stageDir(store, key))).catch(() => null);
  return sealed !== null && Date.now() - sealed.mtimeMs < LEFTOVER_MS;
}

/**
 * Follows a Job that has ended by its parts until its pods have ended too. One that runs on is stopped, because it
 * holds its GPUs. If this worker dies, the reconciler stops it: the workflow that owned it is closed.
 */
export async function endLeftover(cluster: Cluster, name: string, limitMs = LEFTOVER_MS): Promise<void> {
  const { cache, client, settings, store, log, closing } = cluster;
  try {
    const deadline = performance.now() + limitMs;
    using changes = new JobChanges(cache, name, closing);
    for (let job = cache.job(name); job !== null && !closing.aborted; job = cache.job(name)) {
      const { observation, snapshot } = await cluster.statusOf(job);
      if (jobHasEnded(observation)) {
        const { phase, message } = observation;
        if (phase === 'failed') log.warn({ job: name, why: message }, 'a program failed after its part was published');
        if (phase === 'failed' || settings.keepLogs === 'all') await saveLogs(client, store, job, snapshot.pods, log);
        return;
      }
      // Time proves nothing while the API server does not answer.
      if (performance.now() >= deadline && snapshot.now !== null) {
        log.warn({ job: name }, 'the programs of a job run on although its parts are published: stopping the job');
        return await suspendJob(cluster, name, await noteStopped(store, name));
      }
      await changes.next();
    }
  } catch (error) {
    if (closing.aborted) return;
    log.warn(
      { job: name, error: (error as Error).message },
      'the rest of a job was not stopped: the reconciler stops it',
    );
  }
}
