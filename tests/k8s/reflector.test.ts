import { describe, expect, test } from 'vitest';
import { KubeError } from '../../k8s/api/errors.ts';
import type { Page } from '../../k8s/api/lists.ts';
import type { KubeObject } from '../../k8s/api/objects.ts';
import { BACKOFF, pauseAfter, reflect } from '../../k8s/api/reflector.ts';
import type { WatchEvent } from '../../k8s/api/watch.ts';

const anObject = (name: string, version: number): KubeObject => ({
  metadata: { name, uid: `uid-${name}`, resourceVersion: String(version) },
});
const failing = (status: number | null, retryAfterSeconds: number | null = null) =>
  new KubeError('watch pods', { status, message: 'it said so', retryAfterSeconds }, null);

type Step = readonly WatchEvent[] | KubeError;

/**
 * A server with scripted answers, for what cannot be caused otherwise (410 at a chosen moment). One answer for each
 * list, one for each watch. When none is left, the reflector ends.
 */
async function reflected(script: { lists: readonly (readonly KubeObject[] | KubeError)[]; watches: readonly Step[] }) {
  const leaving = new AbortController();
  const reported: string[] = [];
  const asked: string[] = [];
  const live: boolean[] = [];
  const pauses: number[] = [];
  const lists = script.lists.values();
  const watches = script.watches.values();
  await reflect({
    source: {
      async list(): Promise<Page> {
        asked.push('list');
        const items = lists.next().value ?? [];
        if (items instanceof KubeError) throw items;
        return { items: [...items], resourceVersion: '10', next: null };
      },
      async *watch(version) {
        asked.push(`watch ${version}`);
        const step = watches.next().value;
        if (step === undefined) return leaving.abort();
        if (step instanceof KubeError) throw step;
        yield { type: 'OPEN' };
        yield* step;
      },
    },
    onChange: (object, change) => reported.push(`${object.metadata?.name} ${change}`),
    onLive: (is) => live.push(is),
    onTrouble: () => {},
    signal: leaving.signal,
    random: () => 1,
    wait: async (ms) => void pauses.push(ms),
  });
  return { reported, asked, live, pauses };
}

describe('a list and watch', () => {
  test('reports what exists, what changes, and what is deleted', async () => {
    const { reported } = await reflected({
      lists: [[anObject('a', 1)]],
      watches: [
        [
          { type: 'ADDED', object: anObject('b', 11) },
          { type: 'DELETED', object: anObject('a', 12) },
        ],
      ],
    });
    expect(reported).toEqual(['a there', 'b there', 'a gone']);
  });

  test('continues at its last version after the server has closed the watch, or after a bookmark', async () => {
    const { asked, live } = await reflected({
      lists: [[]],
      watches: [[{ type: 'MODIFIED', object: anObject('a', 15) }], [{ type: 'BOOKMARK', object: anObject('', 99) }]],
    });
    expect(asked).toEqual(['list', 'watch 10', 'watch 15', 'watch 99']);
    expect(live).not.toContain(false);
  });

  test('lists again if the server has forgotten that version, and reports what was deleted meanwhile', async () => {
    const { asked, reported, pauses } = await reflected({
      lists: [[anObject('a', 1), anObject('b', 2)], [anObject('b', 2)]],
      watches: [failing(410)],
    });
    expect(asked).toEqual(['list', 'watch 10', 'list', 'watch 10']);
    expect(reported.filter((one) => one.endsWith('gone'))).toEqual(['a gone']);
    expect(pauses).toEqual([0]);
  });

  test('forgets nothing while the server is unreachable, and says that it is stale', async () => {
    const away = failing(null);
    const { asked, reported, live, pauses } = await reflected({
      lists: [[anObject('a', 1)]],
      watches: [away, away, failing(503), []],
    });
    expect(reported).toEqual(['a there']);
    expect(asked.filter((one) => one === 'list')).toHaveLength(1);
    expect(live, 'it is heard again when a watch is taken, and not before').toEqual([false, false, false, true]);
    expect(pauses).toEqual([200, 400, 800]);
  });

  test('starts before the server is reachable', async () => {
    const { reported } = await reflected({ lists: [failing(null), [anObject('a', 1)]], watches: [] });
    expect(reported).toEqual(['a there']);
  });
});

describe('the pause before another try', () => {
  test('grows up to a few seconds, so that the state is current soon after the server returns', () => {
    expect(pauseAfter(failing(503), 50, 1)).toBe(BACKOFF.mostMs);
  });
  test('differs from worker to worker', () => {
    expect(pauseAfter(failing(503), 3, 0)).toBe(pauseAfter(failing(503), 3, 1) / 2);
  });
  test('is as long as the server asks for', () => {
    expect(pauseAfter(failing(429, 20), 1, 1)).toBe(20_000);
  });
  test('grows long after refusals, which mostly last', () => {
    expect(pauseAfter(failing(403), 12, 1)).toBe(30_000);
  });
  test('is short after the first refusal, because a server that has just started has not read its roles', async () => {
    const { pauses } = await reflected({
      lists: [[]],
      watches: [failing(null), failing(null), failing(null), failing(403), failing(403), []],
    });
    expect(pauses).toEqual([200, 400, 800, 200, 400]);
  });
});
