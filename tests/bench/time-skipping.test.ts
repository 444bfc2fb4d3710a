import { expect, test } from 'vitest';
import { type GangRun, gangActivities } from '../../bench/simulation/activities.ts';
import { BIG_TRAINING, bigCampaign, NODES } from '../../bench/simulation/big-training.ts';
import { openSkipping } from '../../bench/simulation/environment.ts';
import { RATES } from '../../bench/simulation/failure-model.ts';
import { createGang, effectiveOf } from '../../bench/simulation/gang.ts';
import { effectiveRatio, type StageStatus } from '../../spec/index.ts';

/** The machines are simulated, time is skipped; the workflow and its accounting are real. */
test('ten days of RL on nodes that fail: the account of the workflow agrees with what the simulator saw', async () => {
  const policy = { name: 'orrery', resumes: true, classes: true };
  const scenario = { training: BIG_TRAINING, rate: RATES['rsc-1024'], nodes: NODES, spareNodes: 8, policy, seed: 2 };
  const gang = createGang(scenario);
  const runs = new Map<string, GangRun>([['ten-days', { gang, horizonSeconds: 1e9, personAnswersSeconds: 3600 }]]);
  const { env, taskQueue, close } = await openSkipping((world) => gangActivities(world, runs));
  try {
    const { domain, policy: model, stages } = bigCampaign();
    const request = { schemaVersion: 1, kind: 'rl', name: 'astro/rl', seed: 1, domain, policy: model, inputs: {} };
    const status = await env.client.workflow.execute<(run: unknown) => Promise<StageStatus>>('loneStage', {
      taskQueue,
      workflowId: 'ten-days',
      args: [
        {
          campaignId: 'ten-days',
          campaignRun: 'one',
          arm: 'astro',
          onFailure: 'hold',
          mayBeEmpty: false,
          paused: false,
          request: { ...request, config: stages.rl },
        },
      ],
    });
    const interruptions = Object.values(gang.timeline.interruptions).reduce((sum, count) => sum + count, 0);
    expect(interruptions).toBeGreaterThan(3);
    expect(status).toMatchObject({ state: 'completed', executions: interruptions + 1, failures: interruptions });
    expect(status.account.seconds.working).toBeCloseTo(10 * 86_400, -1);
    expect(effectiveRatio(status.account)).toBeCloseTo(effectiveOf(gang.timeline), 4);
  } finally {
    await close();
  }
}, 60_000);
