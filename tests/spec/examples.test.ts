import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadDomain } from '../../domains/domain.ts';
import { CampaignSpec, parseOrRefuse, planCampaign } from '../../spec/index.ts';

const examples = readdirSync('examples').filter((name) => name.endsWith('.yaml'));
const load = (name: string): unknown => parse(readFileSync(`examples/${name}`, 'utf8'));

describe.each(examples)('examples/%s', (name) => {
  test('is a valid campaign, and its domain accepts its settings', async () => {
    const spec = parseOrRefuse(CampaignSpec, load(name), name);
    const domain = await loadDomain(spec.domain.name);
    parseOrRefuse(domain.settings, spec.domain.settings, `domain.settings of ${name}`);
    expect(planCampaign(spec).at(-1)?.kind).toBe('analyse');
  });
});

test('examples/llama-3.1-70b.yaml has the sizes of the paper', () => {
  const { stages } = parseOrRefuse(CampaignSpec, load('llama-3.1-70b.yaml'), 'the example');
  expect(stages.search).toMatchObject({ candidates: 8, rollouts: 16, iterations: 32, maxDepth: 50 });
  expect(stages.linearise).toMatchObject({ selfEvaluations: 8, searchTraces: 3, wrongBranches: { min: 1, max: 2 } });
  expect(stages.rewrite.targetSolutions).toBe(36_100);
  expect(stages.sft).toMatchObject({ epochs: 1, learningRate: 3e-6, maxTokens: 8192 });
  expect(stages.sft.run.ranks * stages.sft.run.resources.gpus).toBe(64);
  expect(stages.curriculum.targetPrompts).toBe(8_700);
  expect(stages.rl.groupSize).toBe(4);
  expect(stages.rl.run.ranks * stages.rl.run.resources.gpus).toBe(256);
});
