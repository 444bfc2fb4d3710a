import { describe, expect, test } from 'vitest';
import { NEW_ACCOUNT, type StageStatus } from '../../spec/index.ts';
import { campaignDetails, stageDetails } from '../../workflows/policy/details.ts';
import { aCampaignStatus, anIncident, aStage as anyStage, aProgress } from '../support/builders.ts';

const PROGRESS = aProgress({ unit: 'step', done: 30, total: 40, rate: 0.5 });
const aStage = (change: Partial<StageStatus>): StageStatus =>
  anyStage({ name: 'astro/sft', kind: 'sft', arm: 'astro', ...change });
const rowOf = (stage: StageStatus): string =>
  campaignDetails(aCampaignStatus({ stages: [stage] }))
    .split('\n')
    .at(-1)!;

describe('the table that the Temporal UI shows', () => {
  test('tells the progress and the time to go of a stage that runs', () => {
    expect(rowOf(aStage({ state: 'running', progress: PROGRESS, executions: 1 }))).toBe(
      '| astro/sft | running | 30/40 step (75 %) | 20 s | 1 |  |  |  |',
    );
  });

  test('does not repeat the last progress of a stage that is done', () => {
    expect(rowOf(aStage({ state: 'completed', progress: PROGRESS, executions: 1 }))).toBe(
      '| astro/sft | completed |  |  | 1 |  |  |  |',
    );
  });

  test('keeps a failure within its cell, whatever it said', () => {
    const incidents = [anIncident({ class: 'Crashed', message: 'a | b\nc' })];
    expect(rowOf(aStage({ state: 'held', why: 'waits for retryStage', incidents }))).toContain(
      'Crashed: a \\| b c; another',
    );
  });

  test('tells which share of the time went into work that was kept', () => {
    const account = { ...NEW_ACCOUNT, seconds: { ...NEW_ACCOUNT.seconds, working: 90, starting: 10, paused: 1000 } };
    expect(rowOf(aStage({ state: 'running', account }))).toContain('| 90.0 % |');
  });

  test('leaves no time to go where the rate is not known', () => {
    expect(rowOf(aStage({ state: 'running', progress: { ...PROGRESS, rate: null } }))).toContain('(75 %) |  |');
  });
});

test('the details of a stage tell every failure, what was done and what it cost, and its result', () => {
  const incidents = [
    anIncident({
      class: 'Diverged',
      message: 'loss is NaN',
      followed: 'another attempt from an earlier checkpoint',
      costSeconds: 300,
    }),
  ];
  const result = { kind: 'sft', key: 'a'.repeat(64), digest: 'b'.repeat(64) } as const;
  const details = stageDetails(aStage({ state: 'completed', executions: 2, failures: 1, incidents, result }));
  expect(details).toContain('Diverged: loss is NaN; another attempt from an earlier checkpoint; cost 5 min');
  expect(details).toContain('a'.repeat(64));
});
