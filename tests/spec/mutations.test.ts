import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { draftJobs } from '../../cli/drafts.ts';
import { planLines } from '../../cli/plan-view.ts';
import { domainComplaints } from '../../domains/domain.ts';
import { gangObjects } from '../../k8s/manifests/gang.ts';
import { jobManifest } from '../../k8s/manifests/job.ts';
import { planOf, pretrainedArchitecture, publishedArchitecture, unsupportedIn } from '../../planner/index.ts';
import {
  type CampaignSpec,
  InvalidInputError,
  parseCampaignSpec,
  parseOrRefuse,
  StageFile,
  stageRequest,
  summaryText,
} from '../../spec/index.ts';
import { settings } from '../k8s/support.ts';
import { faultsOfObjects } from '../support/kubernetes-rules.ts';
import { mutated } from '../support/mutated-specs.ts';

/**
 * Number of mutated specs. 2,000 take a few seconds; `ORRERY_TEST_MUTATIONS=20000` (`npm test -- --mutations 20000`)
 * tries more.
 */
const MUTATIONS = Number(process.env.ORRERY_TEST_MUTATIONS || 2000);
const SEED = Number(process.env.ORRERY_TEST_SEED || 20_260_101);

const examples = readdirSync('examples')
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => parseCampaignSpec(parse(readFileSync(`examples/${name}`, 'utf8')), name));
/** Sets the fields that the examples leave out, so that mutations can change them too. */
const MORE_OF_RUN = {
  image: 'registry.example/team/image:1',
  kubernetes: {
    nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H100' },
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 60 }],
    priorityClass: 'high',
    queue: 'research',
    extendedResources: { 'rdma/hca_shared_devices_a': 1 },
    shmGiB: 1,
    deadlineSeconds: 3600,
  },
  failures: { Crashed: { action: 'retry', budget: 3, backoffSeconds: { initial: 5, max: 300 } } },
};
const fuller = (spec: CampaignSpec): CampaignSpec => {
  const stages = Object.entries(spec.stages).map(([kind, config]) => {
    const resources = { memoryGiB: 8, ...config.run.resources };
    return [kind, { ...config, run: { ...config.run, ...MORE_OF_RUN, resources } }];
  });
  return parseCampaignSpec({ ...spec, stages: Object.fromEntries(stages) }, 'a fuller example');
};
const WHOLE = [...examples, ...examples.map(fuller)].map((spec) => JSON.parse(JSON.stringify(spec)));

/** Everything that the command line and the worker do with a valid spec without a disk or a server. */
async function use(spec: CampaignSpec): Promise<void> {
  await domainComplaints(spec);
  const known =
    spec.policy.type === 'pretrain'
      ? pretrainedArchitecture(spec.stages.pretrain.model)
      : publishedArchitecture(spec.policy.name);
  const plan = planOf(spec, known ?? LLAMA);
  expect(planLines(plan, unsupportedIn(spec), null).join('\n')).not.toMatch(/NaN|Infinity|undefined/);
  for (const { slot, request } of draftJobs(spec)) {
    const { graceSeconds } = request;
    expect(graceSeconds * 1000).toBeLessThan(2 ** 31);
    const inputs = new Map(Object.values(slot.reads).map((name) => [name, { kind: slot.kind, key: KEY, digest: KEY }]));
    parseOrRefuse(StageFile, { ...stageRequest(spec, slot, inputs), key: KEY, codeVersion: 'draft' }, slot.name);
    const gang = request.gang ? gangObjects(request, POD_GROUPS, 'store', 'uid') : null;
    const objects = [jobManifest(request, POD_GROUPS, 'store'), ...(gang === null ? [] : [gang.service])];
    expect(objects.flatMap(faultsOfObjects)).toEqual([]);
  }
  // Limits of Temporal: 400 bytes for a summary, 2 KiB for a search attribute, 255 characters for a keyword in most
  // databases.
  expect(Buffer.byteLength(JSON.stringify(summaryText(spec.description ?? '')))).toBeLessThan(360);
  expect(spec.policy.name.length).toBeLessThanOrEqual(255);
  expect(JSON.stringify(spec.arms.map(({ name }) => name)).length).toBeLessThan(2048);
}
const KEY = 'a'.repeat(64);
const LLAMA = publishedArchitecture('meta-llama/Llama-3.1-70B-Instruct')!;
const POD_GROUPS = settings({ gangScheduling: 'pod-group' });

test(
  `of ${MUTATIONS} changed specs each is refused with its path, what was expected and what came, or can be used`,
  async () => {
    let valid = 0;
    await fc.assert(
      fc.asyncProperty(mutated(WHOLE), async (value) => {
        let spec: CampaignSpec;
        try {
          spec = parseCampaignSpec(value, 'the spec');
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          const { message, complaints } = error as InvalidInputError;
          expect(message.length).toBeLessThan(10_000);
          expect(message.isWellFormed()).toBe(true);
          for (const { field, message } of complaints) expect(`${field}: ${message}`).toMatch(COMPLAINT);
          return;
        }
        valid += 1;
        await use(spec);
      }),
      { numRuns: MUTATIONS, seed: SEED },
    );
    expect(valid / MUTATIONS).toBeGreaterThan(0.1);
  },
  30_000 + MUTATIONS * 60,
);

/** A complaint names a field (except for the whole spec), what was expected, and what came unless that is secret. */
const COMPLAINT = /^.*: (no such field here; is it misspelt\?|.*(expected|Invalid|must).*)$/;
