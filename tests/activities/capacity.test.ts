import { expect, test } from 'vitest';
import { isGivenUp, noteShortage, unscheduled } from '../../activities/capacity.ts';
import type { JobRef } from '../../executor/index.ts';
import { Run } from '../../spec/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const waits = Run.parse({});
const stops = Run.parse({ failures: { Unschedulable: { action: 'stop' } } });

test.each([
  { name: 'a job that can never run is given up at once', fits: 'never', run: waits, want: true },
  { name: 'a job that has to wait is submitted, and waits in the cluster', fits: 'later', run: waits, want: false },
  { name: 'a job of a stage that must not wait is given up', fits: 'later', run: stops, want: true },
] as const)('$name', ({ fits, run, want }) => {
  expect(isGivenUp({ fits, why: 'no room' }, run)).toBe(want);
});

test('an attempt that was not submitted has failed as Unschedulable with the message of the shortage, for every worker', async () => {
  const store = await temporaryFolder();
  const job = { key: 'ab', attempt: 3 } as JobRef;
  expect(await unscheduled(store, job)).toBeNull();
  await noteShortage(store, job, { fits: 'never', why: 'needs capacity for 2 pods' });
  expect(await unscheduled(store, job)).toMatchObject({
    kind: 'failed',
    failure: { class: 'Unschedulable', message: 'needs capacity for 2 pods', attempt: 3 },
  });
  expect(await unscheduled(store, { ...job, attempt: 4 })).toBeNull();
});
