import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure, heartbeat } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';
import type { Deps } from '../../activities/deps.ts';
import { setHeartbeatDetails } from '../../activities/heartbeat.ts';
import { activityOptions } from '../../activities/index.ts';

/** The options that `worker.ts` registers. No activity of this test reaches its dependencies. */
const { activities, interceptors } = activityOptions({ store: join(tmpdir(), 'no-store') } as Deps);

type Act = (...input: unknown[]) => Promise<unknown>;

function environment() {
  const logger = new DefaultLogger('ERROR', () => {});
  const act = new MockActivityEnvironment({}, { logger, interceptors: interceptors.activity });
  const beats: unknown[] = [];
  act.on('heartbeat', (details: unknown) => beats.push(details));
  return { act, beats };
}

/** The error of the operating system for a full disk. */
const diskFull = () => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

describe.concurrent.each(Object.entries(activities))('the activity %s', (_name, activity) => {
  test('heartbeats while it works, and answers with its times', async () => {
    const { act, beats } = environment();
    const before = Date.now();
    // A slow activity takes its place: all that the worker puts around it is real.
    const answer = await act.run(async () => {
      await sleep(1200);
      return 'done';
    });
    expect(beats.length).toBeGreaterThan(0);
    expect(answer).toEqual({ value: 'done', startedAt: expect.any(Number), finishedAt: expect.any(Number) });
    const { startedAt, finishedAt } = answer as unknown as { startedAt: number; finishedAt: number };
    expect(startedAt).toBeGreaterThanOrEqual(before);
    expect(finishedAt - startedAt).toBeGreaterThan(1000);
  });

  test('fails in a way that Temporal understands', async () => {
    const { act } = environment();
    const refuse = () => {
      throw diskFull();
    };
    const unreadable = new Proxy({}, { get: refuse, ownKeys: refuse });
    const running = act.run(activity as Act, unreadable);
    await expect(running).rejects.toBeInstanceOf(ApplicationFailure);
    await expect(running).rejects.toMatchObject({ type: 'DependencyDown', nonRetryable: false });
  });
});

test('the heartbeats of an activity carry the details that it gives them', async () => {
  const { act, beats } = environment();
  let looks = 0;
  await act.run(async () => {
    setHeartbeatDetails(() => ({ looks: ++looks }));
    await sleep(2200);
  });
  expect(beats).toEqual([{ looks: 1 }, { looks: 2 }]);
});

test('a cancelled activity ends at once, whatever it waits for', async () => {
  const { act } = environment();
  const running = act.run(() => new Promise(() => heartbeat()));
  act.cancel('WORKER_SHUTDOWN');
  await expect(running).rejects.toBeInstanceOf(CancelledFailure);
});
