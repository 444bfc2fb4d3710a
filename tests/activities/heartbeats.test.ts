import { defaultPayloadConverter } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, test } from 'vitest';
import { payloadConverter } from '../../activities/payload-converter.ts';
import { watchProgress } from '../../activities/progress-watch.ts';

/**
 * Anyone who reaches Temporal may record a heartbeat for an activity. The next try of the activity gets its details.
 */
describe('a heartbeat of another program', () => {
  test.each([5, 'text', { idle: 5 }, { idle: [[0, { done: 1, ms: 'long' }]] }, { progress: {}, idle: [], message: 3 }])(
    'is forgotten: %j',
    async (heartbeatDetails) => {
      const environment = new MockActivityEnvironment({ heartbeatDetails });
      await environment.run(async () => {
        watchProgress({
          read: async () => [],
          pods: () => [],
          isGang: false,
          message: () => null,
          stallTimeoutSeconds: 1,
          onProgress: async () => {},
          onStall: () => {},
          log: { warn: () => {} },
        }).stop();
      });
    },
  );

  test('is undefined if it cannot be decoded; everything else is decoded unchanged', () => {
    const encoding = (name: string) => ({ encoding: new TextEncoder().encode(name) });
    const bad = { metadata: encoding('foo/bar'), data: new Uint8Array() };
    const cut = { metadata: encoding('json/plain'), data: new TextEncoder().encode('{"idle":') };
    expect([bad, cut, {}].map((payload) => payloadConverter.fromPayload(payload))).toEqual(Array(3).fill(undefined));
    const value = { progress: null, idle: [], message: 'waits' };
    expect(payloadConverter.fromPayload(defaultPayloadConverter.toPayload(value))).toEqual(value);
  });
});
