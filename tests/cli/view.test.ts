import { expect, test } from 'vitest';
import { retriedFailure } from '../../cli/campaigns.ts';
import { listNames } from '../../cli/commands/installation.ts';
import { accountLines, campaignLines, phaseOf, progressText, stageLine } from '../../cli/view.ts';
import { type CampaignStatus, NEW_ACCOUNT, type StageStatus } from '../../spec/index.ts';
import { aCampaignStatus, anIncident, aProgress, aStage } from '../support/builders.ts';

const NOW = Date.parse('2026-01-01T00:01:40Z');

const aCampaign = (stages: StageStatus[]): CampaignStatus => aCampaignStatus({ stages });

test('progress shows a bar, the count, the rate and the time to go', () => {
  expect(progressText(aProgress())).toBe('[██████████··········]  50/100 problems  5/s  0:10 to go');
});

test('progress without a total shows neither a bar nor a time to go', () => {
  expect(progressText(aProgress({ total: null }))).toBe('50 problems  5/s');
});

test('a finished count has no time to go', () => {
  expect(progressText(aProgress({ done: 100 }))).not.toContain('to go');
});

test('a running stage shows its progress and its duration', () => {
  const line = stageLine(
    aStage({ state: 'running', progress: aProgress(), startedAt: '2026-01-01T00:00:00Z' }),
    8,
    NOW,
  );
  expect(line).toContain('search    ● running');
  expect(line).toContain('50/100 problems');
  expect(line).toMatch(/1:40$/);
});

test('a held stage shows the reason and its last failure', () => {
  const incidents = [anIncident({ class: 'Crashed', message: 'boom\nstack', attempt: 2 })];
  const line = stageLine(aStage({ state: 'held', why: 'waits for retryStage', executions: 3, incidents }), 8, NOW);
  expect(line).toContain('execution 3  waits for retryStage  Crashed: boom');
  expect(line).not.toContain('stack');
});

test('a completed stage shows its number of failures and the time they cost', () => {
  const incidents = [anIncident({ class: 'Crashed', costSeconds: 75 })];
  expect(stageLine(aStage({ state: 'completed', failures: 1, incidents }), 6, NOW)).toContain('1 failure, 1:15 lost');
});

test('the account shows the effective ratio, the time by kind, and the lost time by cause', () => {
  const seconds = { ...NEW_ACCOUNT.seconds, working: 80, starting: 15, lost: 5, paused: 500 };
  const causes = { Crashed: { times: 2, seconds: 20 }, Pause: { times: 1, seconds: 3 } };
  const stage = aStage({ state: 'completed', account: { seconds, causes } });
  const lines = accountLines(aCampaignStatus({ stages: [stage] }), NOW).join('\n');
  expect(lines).toContain('effective 80.0 %');
  expect(lines).toContain('working 1:20, lost 0:05, paused 8:20');
  expect(lines).toContain('lost to Crashed 0:20 (2 x), Pause 0:03 (1 x)');
});

test('a running stage counts as working', () => {
  const stage = aStage({ state: 'running', accountedUntil: '2026-01-01T00:00:40Z' });
  expect(accountLines(aCampaignStatus({ stages: [stage] }), NOW).join()).toContain('working 1:00');
});

test('a reused stage shows no duration', () => {
  const times = { startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:00:10Z' };
  expect(stageLine(aStage({ state: 'reused', ...times }), 6, NOW)).toBe('  search  ✔ reused');
});

test('the states of the stages are aligned in one column', () => {
  const stages = [aStage(), aStage({ name: 'astro/evaluate-rl' })];
  const [, first = '', second = ''] = campaignLines(
    { id: 'tiny', workflow: 'RUNNING', status: aCampaign(stages), failure: null, retrying: null },
    NOW,
  );
  expect(first.indexOf('·')).toBe(second.indexOf('·'));
});

test('a campaign with an invalid spec shows the complaint', () => {
  expect(
    campaignLines(
      { id: 'tiny', workflow: 'FAILED', status: null, failure: 'name: expected string', retrying: null },
      NOW,
    ),
  ).toEqual(['tiny  failed', '  name: expected string']);
});

test('a terminated workflow is shown as terminated', () => {
  expect(phaseOf({ id: 'tiny', workflow: 'TERMINATED', status: aCampaign([]), failure: null, retrying: null })).toBe(
    'terminated',
  );
});

test('an activity that waits for its next attempt is shown with its last failure, on its stage or its campaign', () => {
  const activities = [
    { activityType: { name: 'awaitJob' }, state: 2, attempt: 2, lastFailure: { message: 'heartbeat timeout' } },
    {
      activityType: { name: 'startAttempt' },
      state: 1,
      attempt: 3,
      lastFailure: { message: 'ENOSPC: no space left\nstack' },
    },
  ];
  const why = retriedFailure(activities);
  expect(why).toBe('startAttempt is retried (attempt 3): ENOSPC: no space left\nstack');
  expect(stageLine(aStage({ why }), 6, NOW)).toMatch(/startAttempt is retried \(attempt 3\): ENOSPC: no space left$/);
  const view = { id: 'tiny', workflow: 'RUNNING', status: aCampaign([aStage()]), failure: null, retrying: why };
  expect(campaignLines(view, NOW).at(-1)).toContain('ENOSPC: no space left');
  expect(retriedFailure(activities.slice(0, 1))).toBeNull();
});

test('text from programs and strangers cannot steer the terminal', () => {
  const text = '\u001b[2J\u009b31m\u202e\rgone';
  const incidents = [anIncident({ class: 'Crashed', message: text, followed: text })];
  const progress = aProgress({ unit: text, metrics: { [text]: 1 } });
  const stage = aStage({ state: 'running', why: text, incidents, progress });
  const view = { id: 'x', workflow: 'FAILED', status: aCampaign([stage]), failure: text, retrying: text } as const;
  const shown = [...campaignLines(view as never, NOW), listNames([text])];
  for (const line of shown) expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(shown.join('\n').match(/\\u001b\[2J/g)?.length).toBeGreaterThanOrEqual(6);
});
