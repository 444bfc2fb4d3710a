import { describe, expect, test } from 'vitest';
import { InvalidInputError, parseCampaignSpec, SPEC_LIMITS } from '../../spec/index.ts';

const VALID = {
  name: 'tiny',
  domain: { name: 'change' },
  policy: { type: 'pretrain' },
  data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
};
const refusal = (spec: object): string => {
  try {
    parseCampaignSpec(spec, 'campaign.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was not refused');
};

describe('the error of an invalid campaign spec', () => {
  test.each([
    { name: 'a value of the wrong type', change: { seed: 'x' }, want: 'seed: expected number, but got "x"' },
    {
      name: 'a misspelt field',
      change: { stages: { search: { rolouts: 3 } } },
      want: 'stages.search.rolouts: no such field here',
    },
    { name: 'a missing field', change: { data: undefined }, want: 'data: expected object, but got nothing' },
    {
      name: 'an unknown variant',
      change: { policy: { type: 'magic' } },
      want: 'policy.type: expected "pretrain" or "pretrained", but got "magic"',
    },
    {
      name: 'no variant at all',
      change: { policy: {} },
      want: 'policy.type: expected "pretrain" or "pretrained", but got nothing',
    },
    {
      name: 'a word that is none of those',
      change: { until: 'sfd' },
      want: 'until: expected "linearise", "rewrite", "sft", "curriculum" or "rl", but got "sfd"',
    },
    {
      name: 'a window that is upside down',
      change: { stages: { curriculum: { passRate: { min: 0.9, max: 0.2 } } } },
      want: 'stages.curriculum.passRate.min: expected a value below passRate.max',
    },
    {
      name: 'arms of one name',
      change: { arms: [{ name: 'a' }, { name: 'a' }] },
      want: 'arms: expected arms with different names',
    },
    {
      name: 'a batch that does not divide',
      change: { stages: { sft: { batchSize: 3, microBatchSize: 2 } } },
      want: 'stages.sft.batchSize: expected a multiple of microBatchSize x run.ranks, but got 3',
    },
    {
      name: 'samples of a tree search',
      change: { stages: { search: { samples: 64 } } },
      want: 'stages.search.samples: expected nothing, because method mcts samples no whole solutions (set method: best-of-n, or remove samples), but got 64',
    },
    {
      name: 'best-of-N without N',
      change: { stages: { search: { method: 'best-of-n' } } },
      want: 'stages.search.samples: expected the number of solutions that method best-of-n samples per problem, but got nothing',
    },
  ])('names the field, what was expected and what came: $name', ({ change, want }) => {
    expect(refusal({ ...VALID, ...change })).toContain(want);
  });

  test('lists all faults at once', () => {
    const message = refusal({ ...VALID, seed: -1, name: 'Tiny', arms: [] });
    for (const field of ['seed', 'name', 'arms']) expect(message).toMatch(new RegExp(`^  ${field}: `, 'm'));
  });
});

describe('an error is a few kB of text, whatever the input was', () => {
  const refusedFor = (spec: unknown): InvalidInputError => {
    try {
      parseCampaignSpec(spec, 'campaign.yaml');
    } catch (error) {
      if (error instanceof InvalidInputError) return error;
      throw error;
    }
    throw new Error('it was not refused');
  };
  const many = (count: number, entry: (index: number) => unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`f${index}`, entry(index)]));
  const deep = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`);

  test.each([
    { name: '20,000 unknown fields', spec: { ...VALID, ...many(20_000, () => 1) }, told: 'and 19,980 more' },
    {
      name: 'a field with a name of 200 kB',
      spec: { ...VALID, [`\u001b[2J${'x'.repeat(200_000)}`]: 1 },
      told: '\\u001b',
    },
    { name: 'a list of 80,000', spec: { ...VALID, arms: Array(80_000).fill({}) }, told: 'a list of 80000' },
    { name: 'a text of 200 kB', spec: { ...VALID, name: 'x'.repeat(200_000) }, told: 'but got "xxx' },
    { name: 'a text that is not well-formed', spec: { ...VALID, name: '\ud800' }, told: 'name: expected text' },
    {
      name: 'settings 9,900 deep',
      spec: { ...VALID, domain: { name: 'change', settings: deep(9_900) } },
      told: 'deep',
    },
    {
      name: 'a spec of 2.4 MB',
      spec: { ...VALID, description: 'x'.repeat(2_400_000) },
      told: `${SPEC_LIMITS.bytes} bytes`,
    },
  ])('$name', ({ spec, told }) => {
    const { message, complaints } = refusedFor(spec);
    expect(message).toContain(told);
    expect(message.length).toBeLessThan(10_000);
    expect(JSON.stringify(complaints).length).toBeLessThan(10_000);
    expect(message.isWellFormed()).toBe(true);
  });
});

test('a spec with nothing but required fields gets the defaults of the recipe', () => {
  const { stages, arms, onFailure } = parseCampaignSpec(VALID, 'campaign.yaml');
  expect(arms).toEqual([{ name: 'astro' }, { name: 'direct', searchTraces: 0 }]);
  expect(stages.search.candidates).toBe(8);
  expect(onFailure).toBe('hold');
});
