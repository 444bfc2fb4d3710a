import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import PQueue from 'p-queue';
import { logPath, stageDir, writeFileAtomic } from '../../store/index.ts';
import type { KubeClient } from '../api/client.ts';
import type { Log } from '../api/log.ts';
import { annotationOf, type Job, nameOf, type Pod } from '../api/objects.ts';
import { ANNOTATIONS, LABELS, MAIN, POLICY_SERVER } from '../manifests/labels.ts';
import { hasPhase, isRunning, mainStatus, partOf, serverStatus } from '../status/pod-state.ts';
import type { SeenPod } from '../status/seen-pod.ts';

/** Limits of the logs kept of one execution; *ours*. The cluster has the rest as long as it has the pods. */
export const KEPT = { pods: 16, maxLines: 2000, maxBytes: 1024 * 1024 } as const;
const AT_ONCE = 4;

export interface LogLimits {
  readonly maxLines: number;
  readonly maxBytes: number;
}

/** Containers of a pod that have started, the server first. */
export function containersOf(pod: Pod): (typeof MAIN | typeof POLICY_SERVER)[] {
  const hasBegun = (status: ReturnType<typeof mainStatus>): boolean =>
    status !== undefined && (status.state?.waiting === undefined || status.restartCount > 0);
  return [...(hasBegun(serverStatus(pod)) ? [POLICY_SERVER] : []), ...(hasBegun(mainStatus(pod)) ? [MAIN] : [])] as (
    | typeof MAIN
    | typeof POLICY_SERVER
  )[];
}

/** The pods whose logs help: those that failed; if none failed, those that run; else all. */
export function podsToRead(pods: readonly SeenPod[]): SeenPod[] {
  const existing = pods.filter(({ gone }) => !gone).toSorted((a, b) => partOf(a.pod) - partOf(b.pod));
  const failed = existing.filter(({ pod }) => hasPhase(pod, 'Failed'));
  const running = existing.filter(({ pod }) => isRunning(pod));
  return failed.length > 0 ? failed : running.length > 0 ? running : existing;
}

/** The end of the log of a container, at most `maxLines` and `maxBytes`, without a line that is cut in two. */
export async function tailOf(
  client: Pick<KubeClient, 'podLog'>,
  pod: Pod,
  container: string,
  { maxLines, maxBytes }: LogLimits,
): Promise<string | null> {
  // `limitBytes` of the server drops the end of the log, but the end is needed. So it only bounds the transfer here.
  const text = await client.podLog(nameOf(pod), container, { tailLines: maxLines, limitBytes: 16 * maxBytes });
  if (text === null || Buffer.byteLength(text) <= maxBytes) return text;
  const end = Buffer.from(text).subarray(-maxBytes).toString();
  return end.slice(end.indexOf('\n') + 1);
}

/**
 * Saves the end of the logs of an execution in the store, because the pods will be removed. A log that cannot be read
 * is a warning, and blocks nothing.
 */
export async function saveLogs(
  client: Pick<KubeClient, 'podLog'>,
  store: string,
  job: Job,
  pods: readonly SeenPod[],
  log: Log,
): Promise<void> {
  const key = annotationOf(job, ANNOTATIONS.key);
  const attempt = Number(job.metadata?.labels?.[LABELS.attempt]);
  if (key === null || !Number.isInteger(attempt)) return;
  const stage = stageDir(store, key);
  const wanted = podsToRead(pods)
    .slice(0, KEPT.pods)
    .flatMap(({ pod }) => containersOf(pod).map((container) => ({ pod, container })));
  const keep = async (pod: Pod, container: ReturnType<typeof containersOf>[number]): Promise<void> => {
    try {
      const text = await tailOf(client, pod, container, KEPT);
      if (text === null || text === '') return;
      const path = logPath(stage, attempt, partOf(pod), container);
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, text);
    } catch (error) {
      log.warn({ pod: nameOf(pod), container, error: (error as Error).message }, 'log could not be saved');
    }
  };
  const queue = new PQueue({ concurrency: AT_ONCE });
  await queue.addAll(
    wanted.map(
      ({ pod, container }) =>
        () =>
          keep(pod, container),
    ),
  );
}

/** The end of the logs of a job, as text for a person. */
export async function formatLogs(
  client: Pick<KubeClient, 'podLog'>,
  pods: readonly SeenPod[],
  limits: LogLimits,
): Promise<string> {
  const sections: string[] = [];
  for (const { pod } of podsToRead(pods).slice(0, KEPT.pods)) {
    for (const container of containersOf(pod)) {
      const text = await tailOf(client, pod, container, limits);
      if (text) sections.push(`== part ${partOf(pod)}, ${container}\n${text.endsWith('\n') ? text : `${text}\n`}`);
    }
  }
  return sections.join('\n');
}
