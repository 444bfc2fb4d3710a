import pTimeout from 'p-timeout';
import type { JobObservation } from '../../executor/index.ts';
import { numbered } from '../../store/index.ts';
import type { KubeClient } from '../api/client.ts';
import { KubeError } from '../api/errors.ts';
import { type KubeEvent, nameOf, type Pod } from '../api/objects.ts';
import { MAIN } from '../manifests/labels.ts';
import type { JobSnapshot } from '../status/job-snapshot.ts';
import { isRunning, partOf } from '../status/pod-state.ts';
import { containersOf, podsToRead, tailOf } from './logs.ts';

/** Bounds of one diagnosis; *ours*. */
const LIMITS = { pods: 16, logs: { maxLines: 400, maxBytes: 64 * 1024 }, execMs: 4000 } as const;
/** Time limit of each section. */
const SECTION_TIMEOUT = { milliseconds: 8000, message: 'no answer within 8 s' };

/**
 * Python programs print their stacks on SIGUSR1. The containers of a pod share their processes, so one search finds
 * them all.
 */
const ASK_FOR_STACKS = `
import os, signal
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        command = open(f'/proc/{pid}/cmdline', 'rb').read()
    except OSError:
        continue
    if b'orrery_trainers' in command and int(pid) != os.getpid():
        os.kill(int(pid), signal.SIGUSR1)
        print('asked', pid, command.replace(bytes(1), b' ').decode(errors='replace').strip())
`;
/** Time in which stacks are printed and reach the log. */
const STACKS_MS = 1000;

/**
 * Shows why a Job makes no progress: the objects, their warnings, the last logs, and the stacks of Python programs, if
 * the worker may `exec`. By file name.
 * @param python - interpreter in the image
 */
export async function diagnose(
  client: Pick<KubeClient, 'podLog' | 'exec'>,
  snapshot: JobSnapshot,
  observation: JobObservation,
  python: string,
): Promise<Readonly<Record<string, string>>> {
  const sections: Record<string, string> = {
    'job.json': json({ observation, job: snapshot.job }),
    'pods.json': json(snapshot.pods.slice(0, LIMITS.pods).map(({ pod, gone }) => ({ gone, ...describePod(pod) }))),
    'nodes.json': json(
      [...snapshot.nodes.values()].map(({ metadata, spec, status }) => ({ name: metadata?.name, spec, status })),
    ),
    'events.txt': eventLines([...snapshot.jobEvents, ...[...snapshot.podEvents.values()].flat()]),
  };
  const section = async (name: string, take: () => Promise<string>): Promise<void> => {
    sections[name] = await pTimeout(take(), SECTION_TIMEOUT).catch(
      (error: Error) => `not available: ${describeError(error)}\n`,
    );
  };
  const pods = podsToRead(snapshot.pods)
    .slice(0, LIMITS.pods)
    .map(({ pod }) => pod);
  const running = pods.filter(isRunning);
  await Promise.all(
    running.map((pod) =>
      section(`${numbered(partOf(pod))}-stacks.txt`, () =>
        client
          .exec(nameOf(pod), MAIN, [python, '-c', ASK_FOR_STACKS], LIMITS.execMs)
          .then(
            (asked) =>
              `${asked || 'no Python program of orrery runs in the pod\n'}the stacks are in the logs beside this file\n`,
          ),
      ),
    ),
  );
  if (running.length > 0) await new Promise((resolve) => setTimeout(resolve, STACKS_MS));
  await Promise.all(
    pods.flatMap((pod) =>
      containersOf(pod).map((container) =>
        section(
          `${numbered(partOf(pod))}-${container}.log`,
          async () => (await tailOf(client, pod, container, LIMITS.logs)) || 'it printed nothing\n',
        ),
      ),
    ),
  );
  return sections;
}

/** A pod as `kubectl describe` shows it, without its spec. */
const describePod = ({ metadata, spec, status }: Pod) => ({
  name: metadata?.name,
  node: spec?.nodeName,
  deletionTimestamp: metadata?.deletionTimestamp,
  annotations: metadata?.annotations,
  status,
});

const eventLines = (events: readonly KubeEvent[]): string =>
  events
    .map(({ lastTimestamp, eventTime, count, reason, message, involvedObject }) =>
      [lastTimestamp ?? eventTime, `${involvedObject?.kind}/${involvedObject?.name}`, `${reason}: ${message}`]
        .concat(count !== undefined && count > 1 ? [`(${count} x)`] : [])
        .join('  '),
    )
    .concat(events.length === 0 ? ['no warnings'] : [])
    .join('\n')
    .concat('\n');

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const describeError = (error: Error): string =>
  error instanceof KubeError && error.status === 403
    ? `the worker may not do that (grant pods/exec, docs/kubernetes.md): ${error.message}`
    : error.message;
