import { describe, expect, test } from 'vitest';
import { type CampaignStatus, pendingStage, type StageStatus } from '../../spec/index.ts';
import { campaignDetails, stageDetails } from '../../workflows/policy/details.ts';

const PROGRESS = {
  attempt: 0,
  unit: 'step',
  done: 30,
  total: 40,
  rate: 0.5,
  metrics: {},
  updatedAt: '2026-01-01T00:00:00Z',
};
const aStage = (change: Partial<StageStatus>): StageStatus => ({
  ...pendingStage({ name: 'astro/sft', kind: 'sft', arm: 'astro' }),
  ...change,
});
const rowOf = (stage: StageStatus): string => {
  const status: CampaignStatus = {
    campaignId: 'tiny',
    name: 'tiny',
    phase: 'running',
    stages: [stage],
    gpuHours: 0,
    report: null,
  };
  return campaignDetails(status).split('\n').at(-1)!;
};

describe('the table that the Temporal UI shows', () => {
  test('tells the progress and the time to go of a stage that runs', () => {
    expect(rowOf(aStage({ state: 'running', progress: PROGRESS, executions: 1 }))).toBe(
      '| astro/sft | running | 30/40 step (75 %) | 20 s | 1 |  |  |',
    );
  });

  test('does not repeat the last progress of a stage that is done', () => {
    expect(rowOf(aStage({ state: 'completed', progress: PROGRESS, executions: 1 }))).toBe(
      '| astro/sft | completed |  |  | 1 |  |  |',
    );
  });

  test('keeps a failure within its cell, whatever it said', () => {
    const lastFailure = { class: 'Crashed', message: 'a | b\nc', attempt: 0, exitCode: 1, part: null } as const;
    expect(rowOf(aStage({ state: 'held', why: 'waits for retryStage', lastFailure }))).toContain(
      'Crashed: a \\| b c |',
    );
  });

  test('leaves no time to go where the rate is not known', () => {
    expect(rowOf(aStage({ state: 'running', progress: { ...PROGRESS, rate: null } }))).toContain('(75 %) |  |');
  });
});

test('the details of a stage name its last failure and its result', () => {
  const lastFailure = { class: 'Diverged', message: 'loss is NaN', attempt: 1, exitCode: 70, part: 0 } as const;
  const result = { kind: 'sft', key: 'a'.repeat(64), digest: 'b'.repeat(64) } as const;
  const details = stageDetails(aStage({ state: 'completed', executions: 2, failures: 1, lastFailure, result }));
  expect(details).toContain('last failure: Diverged: loss is NaN');
  expect(details).toContain('a'.repeat(64));
});
