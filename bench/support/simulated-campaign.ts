import type { CampaignSpecInput } from '../../spec/index.ts';

/** A campaign with one arm for simulated pods. The simulation ignores its content. */
export const simulatedCampaign = (seed: number): CampaignSpecInput => ({
  name: `bench-${seed}`,
  seed,
  domain: { name: 'change' },
  policy: { type: 'pretrained', name: 'simulated', uri: '/models/simulated', revision: '1' },
  data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
  arms: [{ name: 'astro' }],
  onFailure: 'fail',
});
