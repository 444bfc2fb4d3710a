import { describe, expect, test } from 'vitest';
import { type CampaignSpec, planCampaign, CampaignSpec as Spec, UNTIL } from '../../spec/index.ts';

const namesOf = (until?: CampaignSpec['until']): string[] =>
  planCampaign(
    Spec.parse({
      name: 'c',
      domain: { name: 'change' },
      policy: { type: 'pretrain' },
      until,
      arms: [{ name: 'a' }],
      data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
    }),
  ).map(({ name }) => name);

describe('the plan of a campaign', () => {
  const shared = ['prepare', 'pretrain', 'search'];

  test('contains the stages up to `until`, and the report', () => {
    expect(namesOf('linearise')).toEqual([...shared, 'a/linearise', 'analyse']);
    expect(namesOf('rewrite')).toEqual([...shared, 'a/linearise', 'a/rewrite', 'analyse']);
  });

  test('evaluates every existing policy once one has been trained', () => {
    expect(namesOf('sft').filter((name) => name.includes('evaluate'))).toEqual(['evaluate-base', 'a/evaluate-sft']);
    expect(namesOf('curriculum').filter((name) => name.includes('evaluate'))).toEqual([
      'evaluate-base',
      'a/evaluate-sft',
    ]);
    expect(namesOf('rl')).toEqual(namesOf());
  });

  test('reads only stages that it contains', () => {
    for (const until of [...UNTIL, undefined]) {
      const spec = { name: 'c', domain: { name: 'change' }, policy: { type: 'pretrain' }, until };
      const data = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 };
      const slots = planCampaign(Spec.parse({ ...spec, data }));
      const known = new Set(slots.map(({ name }) => name));
      for (const { reads } of slots) for (const name of Object.values(reads)) expect(known).toContain(name);
    }
  });
});
