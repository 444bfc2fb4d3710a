import { PatchStrategy, RbacAuthorizationV1Api, setHeaderOptions } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import type { CampaignSpecInput, StageKind, StageStatus } from '../../spec/index.ts';
import { startCampaign, statusOf, untilNothingIsLeft, untilStage } from '../support/cluster/campaigns.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { aSmallCampaign, type ClusterBench, openClusterBench } from '../support/cluster/workbench.ts';

/** A stage that can never run fails within seconds, with a clear reason, and leaves nothing behind. */

const LIMIT_MS = 30_000;

const oneStage = (run: object = {}, stage: StageKind = 'prepare'): CampaignSpecInput =>
  aSmallCampaign({ arms: [{ name: 'astro' }], until: 'linearise', run: { [stage]: run } });

/**
 * Runs a campaign whose first stage cannot run, against a cluster that the settings describe wrongly.
 * @returns how that stage ended
 */
async function refused(bench: ClusterBench, id: string, spec: CampaignSpecInput): Promise<StageStatus> {
  const handle = await startCampaign(bench, id, spec);
  const began = Date.now();
  const stage = await untilStage(handle, 'prepare', ['failed', 'held'], LIMIT_MS);
  console.log(`${id}: ${((Date.now() - began) / 1000).toFixed(1)} s: ${stage.why ?? stage.incidents.at(-1)?.message}`);
  await untilNothingIsLeft(bench.namespace);
  await handle.result().catch(() => undefined);
  expect((await statusOf(handle)).phase).toBe('failed');
  return stage;
}

const lastWords = (stage: StageStatus): string => `${stage.why ?? ''} ${stage.incidents.at(-1)?.message ?? ''}`;

test.each<{ name: string; settings: object; run?: object; words: RegExp }>([
  {
    name: 'a wrong image',
    settings: { image: 'orrery.local/nowhere:1' },
    words: /(ErrImagePull|ImagePullBackOff).*orrery\.local\/nowhere:1/s,
  },
  {
    name: 'a missing Secret',
    settings: { secretEnv: [{ name: 'HF_TOKEN', secret: 'hugging-face', key: 'token' }] },
    words: /CreateContainerConfigError.*secret "hugging-face" not found/s,
  },
])('$name ends the stage in words', { timeout: 120_000 }, async ({ name, settings, run, words }) => {
  await using bench = await openClusterBench('toy', settings);
  await bench.startWorker();
  const stage = await refused(bench, name.replaceAll(' ', '-'), oneStage(run));
  expect(stage.incidents.at(-1)).toMatchObject({ class: 'ImageError' });
  expect(lastWords(stage)).toMatch(words);
});

test('a waiting stage reports an impossible request and a missing claim, and its cancellation leaves nothing', {
  timeout: 120_000,
}, async () => {
  const missing = { volumes: [{ claim: 'weights', mountPath: '/weights' }] };
  // A stage without a model may not request a GPU.
  for (const [settings, waiting, run, words] of [
    [{}, 'pretrain', { resources: { gpus: 16 } }, /Insufficient nvidia\.com\/gpu|16 GPUs/],
    [missing, 'prepare', {}, /persistentvolumeclaim "weights" not found/],
  ] as const) {
    await using bench = await openClusterBench('toy', settings);
    await bench.startWorker();
    const handle = await startCampaign(bench, 'waits', oneStage(run, waiting));
    let said = '';
    await eventually(
      'the stage says why it waits',
      async () => {
        const { status } = await viewCampaign(bench.client, 'waits');
        const stage = status?.stages.find(({ name }) => name === waiting);
        // A campaign has no stages until it is admitted.
        said = stage === undefined ? '' : lastWords(stage);
        return words.test(said);
      },
      LIMIT_MS,
    );
    console.log(said.trim());
    await handle.cancel();
    await handle.result().catch(() => undefined);
    await untilNothingIsLeft(bench.namespace);
  }
});

test('a verb that the worker may not use is named in the error', { timeout: 120_000 }, async () => {
  await using bench = await openClusterBench('toy');
  const rbac = bench.namespace.admin.makeApiClient(RbacAuthorizationV1Api);
  const { rules = [] } = await rbac.readNamespacedRole({ name: 'orrery-worker', namespace: bench.namespace.name });
  const less = rules.map((rule) =>
    rule.resources?.includes('jobs') ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== 'create') } : rule,
  );
  await rbac.patchNamespacedRole(
    { name: 'orrery-worker', namespace: bench.namespace.name, body: { rules: less } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  await bench.startWorker();
  const stage = await refused(bench, 'forbidden', oneStage());
  expect(lastWords(stage)).toMatch(/create Job .*forbidden.*cannot create resource "jobs"/s);
});
