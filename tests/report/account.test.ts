import { expect, test } from 'vitest';
import { accountSection } from '../../report/sections/account.ts';
import { NEW_ACCOUNT } from '../../spec/index.ts';
import { aCampaignStatus, anIncident, aStage } from '../support/builders.ts';

const account = {
  seconds: { ...NEW_ACCOUNT.seconds, working: 3600, starting: 300, lost: 100, paused: 9000 },
  causes: { NodeFailure: { times: 2, seconds: 400 } },
};

test('the report shows the share of time that was kept, the causes of lost time, and every failure with what was done', () => {
  const incidents = [
    anIncident({
      class: 'NodeFailure',
      message: 'node <a> is lost',
      followed: 'another attempt',
      costSeconds: 200,
      lostUnits: 7,
    }),
  ];
  const stages = [
    aStage({ name: 'astro/rl', kind: 'rl', executions: 3, account, incidents }),
    aStage({ name: 'search', state: 'reused' }),
  ];
  const page = accountSection(aCampaignStatus({ stages, account, gpuHours: 12 })).text;
  expect(page).toContain('90.0\u202f% of the time went into work that was kept');
  expect(page).toContain('1 stage had been finished before');
  expect(page).toContain('12.00 GPU-hours');
  expect(page).toMatch(/<th scope="row">node failure<\/th><td>2<\/td><td>6m\u202f40s/);
  expect(page).toContain('node &#60;a&#62; is lost');
  expect(page).toContain('<td>7</td>');
});

test('a campaign without an execution of its own says so', () => {
  const page = accountSection(aCampaignStatus({ stages: [aStage({ state: 'reused' })] })).text;
  expect(page).toContain('No stage was executed');
  expect(page).not.toContain('Failures, the last');
});
