import { expect, test } from 'vitest';
import { HISTORY_LENGTH } from '../../spec/index.ts';
import { STATUS_TEXT_LENGTH } from '../../workflows/input/status.ts';
import { withinShare } from '../../workflows/policy/shared-incidents.ts';
import { anIncident, aStage } from '../support/builders.ts';

/** A payload of Temporal has at most 2 MiB, and the spec and the other fields of the statuses need room too. */
const ROOM = 1.25 * 1024 * 1024;
const STAGES = { ofTwoArms: 19, ofSixteenArms: 117 };

const failed = (message: string, followed = message) =>
  aStage({
    incidents: Array.from({ length: HISTORY_LENGTH }, (_, attempt) =>
      anIncident({ class: 'Crashed', attempt, message, followed, node: 'n'.repeat(253) }),
    ),
  });
const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

test('a campaign of two arms keeps all incidents of its stages', () => {
  const status = failed('the process ended without an explanation: '.repeat(20));
  expect(withinShare(status, STAGES.ofTwoArms)).toBe(status);
});

test.each([
  ['long', 'x'.repeat(STATUS_TEXT_LENGTH)],
  ['of many bytes', '漢'.repeat(STATUS_TEXT_LENGTH)],
  ['escaped', '"\n'.repeat(STATUS_TEXT_LENGTH / 2)],
])('all stages of sixteen arms fail with messages that are %s: their statuses fit into one payload', (_, message) => {
  const kept = withinShare(failed(message), STAGES.ofSixteenArms);
  expect(kept.incidents.length).toBeGreaterThan(0);
  expect(kept.incidents.at(-1)).toEqual(failed(message).incidents.at(-1));
  expect(bytesOf(kept) * STAGES.ofSixteenArms).toBeLessThan(ROOM);
});
