import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Deps } from '../../activities/deps.ts';
import { activityOptions, type StartStage } from '../../activities/index.ts';
import { inProject, PROJECT } from '../../config/paths.ts';
import { inputRules } from '../../inputs/index.ts';
import { CampaignSpec, type CampaignSpecInput } from '../../spec/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const silent = new DefaultLogger('ERROR');
const REFUSED = { type: 'InvalidInput', nonRetryable: true };
const WORDS = /sft.*run\.resources\.gpus: expected at most 1, but got 8: a rank of these trainers uses 1 GPU/s;

function llama(): CampaignSpec {
  const spec = parse(readFileSync(inProject('examples/llama-3.1-70b.yaml'), 'utf8')) as CampaignSpecInput;
  return CampaignSpec.parse(spec);
}

/** A Temporal without open workflows. */
const NOTHING_OPEN = {
  options: { namespace: 'default' },
  workflowService: { listWorkflowExecutions: async () => ({ executions: [], nextPageToken: new Uint8Array() }) },
};

/** The activities of a worker on Kubernetes. They record what they submit. */
async function activitiesOnKubernetes() {
  const store = await temporaryFolder();
  const submitted: string[] = [];
  const executor = { submit: async ({ name }: { name: string }) => void submitted.push(name), refuse: () => null };
  const { activities, interceptors } = activityOptions({
    store,
    projectRoot: PROJECT,
    executor,
    searchAttributes: false,
    client: NOTHING_OPEN,
    inputs: inputRules({}, { project: PROJECT, store }),
    log: pino({ level: 'silent' }),
  } as unknown as Deps);
  return {
    store,
    submitted,
    activities,
    act: new MockActivityEnvironment({}, { logger: silent, interceptors: interceptors.activity }),
  };
}

test('a worker does not admit a campaign whose training its trainers cannot do', async () => {
  const { activities, act } = await activitiesOnKubernetes();
  const admission = act.run(activities.admitCampaign, { campaignId: 'llama', input: llama() });
  await expect(admission).rejects.toMatchObject({ ...REFUSED, message: expect.stringMatching(WORDS) });
});

test('a stage that the trainers cannot run gets neither a claim nor a Job, whoever admitted its campaign', async () => {
  const { store, submitted, activities, act } = await activitiesOnKubernetes();
  const { stages, policy, domain, seed } = llama();
  const common = { schemaVersion: 1 as const, name: 'astro/sft', kind: 'sft' as const, seed, domain, policy };
  const request = { ...common, inputs: {}, config: stages.sft };
  const start = {
    campaignId: 'llama',
    campaignRun: 'run',
    arm: 'astro',
    request,
    mayBeEmpty: false,
    token: 'token',
    ownerRun: 'run',
    microBatchScale: 1,
    earlierCheckpoints: 0,
    excludedNodes: [],
  } satisfies StartStage;
  const started = act.run(activities.startAttempt, start);
  await expect(started).rejects.toMatchObject({ ...REFUSED, message: expect.stringMatching(WORDS) });
  expect(submitted).toEqual([]);
  expect(existsSync(join(store, 'stages'))).toBe(false);
});
