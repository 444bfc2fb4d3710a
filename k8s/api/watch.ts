import { addAbortListener } from 'node:events';
import { type KubeConfig, Watch } from '@kubernetes/client-node';
import type { Connection } from './connection.ts';
import { kubeError } from './errors.ts';
import { queryOf, type Selection, WATCHED, type Watched } from './lists.ts';
import type { KubeObject } from './objects.ts';

/** `OPEN` is an event of ours: the server has accepted the watch, and reports all later changes. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: KubeObject }
  | { readonly type: 'OPEN' };

/** Bookmarks come every minute. A watch that is silent for longer is dead, even if TCP has not noticed. */
const WATCH_SILENCE_MS = 120_000;
/**
 * The server closes a watch after this time, and the client opens the next. The times are random, so that they do not
 * all expire at once. The API server has no watch cache for events, so it sends no bookmarks: a watch of events ends
 * before its silence could count as death.
 */
const WATCH_SECONDS: Readonly<Record<Watched, { readonly least: number; readonly spread: number }>> = {
  jobs: { least: 240, spread: 120 },
  pods: { least: 240, spread: 120 },
  events: { least: 80, spread: 30 },
};

export function watchRequests({ config, namespace, count }: Connection) {
  /** Open watches, and the most that were open at a time. For benchmarks. */
  const watches = { now: 0, most: 0 };
  return {
    watches,

    /**
     * Changes after `resourceVersion`, until the server closes the watch.
     * @throws KubeError 410 when the server no longer knows that version
     */
    async *watch(
      what: Watched,
      selection: Selection,
      resourceVersion: string,
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent> {
      count(`WATCH ${what}`);
      watches.now += 1;
      watches.most = Math.max(watches.most, watches.now);
      const { least, spread } = WATCH_SECONDS[what];
      const query = {
        resourceVersion,
        allowWatchBookmarks: true,
        ...queryOf(selection),
        timeoutSeconds: least + Math.floor(Math.random() * spread),
      };
      try {
        yield* watchEvents(config, `${WATCHED[what]}/namespaces/${namespace}/${what}`, query, what, signal);
      } finally {
        watches.now -= 1;
      }
    },
  };
}

async function* watchEvents(
  config: KubeConfig,
  path: string,
  query: Record<string, unknown>,
  what: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const events: WatchEvent[] = [];
  let failed: unknown = null;
  let ended = false;
  let wake = (): void => {};
  const end = (error: unknown): void => {
    failed ??= error;
    ended = true;
    wake();
  };
  const watch: Watch = Object.assign(new Watch(config), { requestTimeoutMs: WATCH_SILENCE_MS } as object);
  const controller = await watch.watch(
    path,
    query as Record<string, string>,
    (type: string, object: KubeObject & { code?: number; message?: string }) => {
      if (type === 'ERROR') end({ code: object.code ?? 500, body: { message: object.message } });
      else events.push({ type, object } as WatchEvent);
      wake();
    },
    end,
  );
  using _ = addAbortListener(signal, () => {
    controller.abort();
    end(null);
  });
  try {
    if (!ended && !signal.aborted) yield { type: 'OPEN' };
    for (;;) {
      for (let event = events.shift(); event !== undefined; event = events.shift()) yield event;
      if (ended) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (ended || events.length > 0) resolve();
      });
    }
  } finally {
    controller.abort();
  }
  if (failed !== null && failed !== undefined && !signal.aborted) throw kubeError(`watch ${what}`, failed);
}
