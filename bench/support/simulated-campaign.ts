import type { CampaignSpecInput } from '../../spec/index.ts';

/** A campaign of one arm for simulated pods; the simulation does not look at what it is about. */
export const simulatedCampaign = (seed: number): CampaignSpecInput => ({
  ...{ name: `bench-${seed}`, seed, domain: { name: 'change' } },
  policy: { type: 'pretrained', name: 'simulated', uri: '/models/simulated', revision: '1' },
  data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
  ...{ arms: [{ name: 'astro' }], onFailure: 'fail' },
});
