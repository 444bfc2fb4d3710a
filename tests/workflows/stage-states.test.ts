import { describe, expect, test } from 'vitest';
import { NEW_LEDGER, StageState } from '../../spec/index.ts';
import { newAccounting } from '../../workflows/policy/accounting.ts';
import { campaignPhase, contradictsPause, isAtRest, searchablePhase } from '../../workflows/policy/stage-states.ts';
import { accountedStatus } from '../../workflows/policy/stage-status.ts';
import { aStage } from '../support/builders.ts';

const inStates = (...states: StageState[]) => states.map((state) => aStage({ state }));

describe('the phase of a campaign', () => {
  test.each([
    ['running', inStates('completed', 'running', 'pending'), false, null],
    ['running', inStates('held', 'running'), false, null],
    ['held', inStates('held', 'pending'), false, null],
    ['held', inStates('held', 'blocked'), false, null],
    ['failed', inStates('failed', 'running'), false, null],
    ['pausing', inStates('paused', 'backing-off'), true, null],
    ['paused', inStates('paused', 'held', 'blocked'), true, null],
    ['cancelled', inStates('cancelled', 'failed'), true, null],
    ['completed', inStates('completed', 'cancelled'), false, 'report.html'],
  ] as const)('is %s', (phase, stages, paused, report) => {
    expect(campaignPhase(stages, paused, report)).toBe(phase);
  });

  test('is searched by the kinds of the stages that run, each once', () => {
    const stages = [
      aStage({ kind: 'sft', state: 'running' }),
      aStage({ kind: 'sft', state: 'running' }),
      aStage({ kind: 'evaluate', state: 'running' }),
      aStage({ kind: 'rl', state: 'pending' }),
    ];
    expect(searchablePhase({ stages, phase: 'running' })).toBe('sft,evaluate');
    expect(searchablePhase({ stages: inStates('held'), phase: 'held' })).toBe('held');
  });
});

describe('the state that a stage reports', () => {
  test('contradicts a pause when the stage works, and the absence of a pause when it pauses', () => {
    const contradicting = (paused: boolean) => StageState.options.filter((state) => contradictsPause(state, paused));
    expect(contradicting(true)).toEqual(['blocked', 'starting', 'running', 'backing-off']);
    expect(contradicting(false)).toEqual(['pausing', 'paused']);
  });

  test('is at rest only where no process is left and none will start', () => {
    expect(StageState.options.filter((state) => !isAtRest(state))).toEqual([
      'pending',
      'blocked',
      'starting',
      'running',
      'backing-off',
      'pausing',
    ]);
  });
});

test('GPU-hours count the GPUs of every pod, shards and ranks alike', () => {
  const accounting = { ...newAccounting(0), podSeconds: 1800 };
  const run = { shards: 1, ranks: 4, resources: { cpus: 1, gpus: 8 } };
  expect(accountedStatus(NEW_LEDGER, accounting, run as never).gpuHours).toBe(16);
  expect(accountedStatus(NEW_LEDGER, accounting, { ...run, shards: 3, ranks: 1 } as never).gpuHours).toBe(12);
});
