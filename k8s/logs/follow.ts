import { addAbortListener } from 'node:events';
import type { KubeClient } from '../api/client.ts';
import type { KubeError } from '../api/errors.ts';
import { annotationOf, nameOf, type Pod } from '../api/objects.ts';
import { ANNOTATIONS, LABELS, MANAGED_BY } from '../manifests/labels.ts';
import { partOf } from '../status/pod-state.ts';
import { containersOf } from './logs.ts';

/** A line of output of a container of one execution. */
export interface LogLine {
  readonly part: number;
  readonly container: string;
  readonly text: string;
}

/** Interval between two searches for new pods: they start one after the other. */
const SEARCH_EVERY_MS = 2000;

/**
 * The output of the pods of one execution, from its beginning and live, in the order of arrival. Ends when `signal`
 * aborts; without `follow`, when all existing output has been yielded.
 * @param key - of the stage
 */
export async function* podLines(
  client: Pick<KubeClient, 'list' | 'followLog' | 'podLog'>,
  { key, attempt }: { key: string; attempt: number },
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const labels = `${LABELS.managedBy}=${MANAGED_BY},${LABELS.key}=${key.slice(0, 16)},${LABELS.attempt}=${attempt}`;
  const lines: LogLine[] = [];
  let wake = (): void => {};
  const followed = new Set<string>();
  let reading = 0;

  async function read(pod: Pod, container: string): Promise<void> {
    reading += 1;
    const source = { part: partOf(pod), container };
    let rest = '';
    const add = (chunk: string): void => {
      const texts = (rest + chunk).split('\n');
      rest = texts.pop() ?? '';
      lines.push(...texts.map((text) => ({ ...source, text })));
      wake();
    };
    try {
      if (follow) for await (const chunk of client.followLog(nameOf(pod), container, signal)) add(chunk);
      else add((await client.podLog(nameOf(pod), container, { tailLines: 10_000, limitBytes: 16 * 2 ** 20 })) ?? '');
    } catch {
      // The pod is gone. Its earlier output stays.
    }
    if (rest !== '') add('\n');
    reading -= 1;
    wake();
  }

  async function findPods(): Promise<void> {
    const { items } = await client.list('pods', { labels }, null).catch((error: KubeError) => {
      if (!follow || !error.retryable) throw error;
      return { items: [] }; // the next search tries again
    });
    for (const pod of items as Pod[]) {
      if (annotationOf(pod, ANNOTATIONS.key) !== key) continue;
      for (const container of containersOf(pod)) {
        const id = `${pod.metadata?.uid} ${container}`;
        if (followed.has(id)) continue;
        followed.add(id);
        void read(pod, container);
      }
    }
  }

  using _ = addAbortListener(signal, () => wake());
  let searchedAt = 0;
  while (!signal.aborted) {
    if (Date.now() - searchedAt >= SEARCH_EVERY_MS && (follow || searchedAt === 0)) {
      await findPods();
      searchedAt = Date.now();
    }
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) yield line;
    if (!follow && reading === 0 && lines.length === 0) return;
    if (lines.length > 0) continue;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, SEARCH_EVERY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
  yield* lines;
}
