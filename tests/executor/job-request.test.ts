import { describe, expect, test } from 'vitest';
import { progressSchedule } from '../../activities/progress-schedule.ts';
import { jobName, programsOf } from '../../executor/index.ts';
import { STAGE_CONFIGS } from '../../spec/index.ts';

const KEY = 'a'.repeat(64);

describe('the name of a job', () => {
  test('derives from campaign, stage, key and attempt', () => {
    expect(jobName('tiny', 'astro/sft', KEY, 3, 'token')).toBe('tiny-astro-sft-aaaaaaaa-3c469e-3');
  });

  test('is a DNS label, whatever the name of the campaign', () => {
    const name = jobName(`Ünïted ${'x'.repeat(100)} / 7`, 'direct/evaluate-rl', KEY, 12, 'token');
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    expect(`${name}-99999`.length).toBeLessThanOrEqual(63); // the host name of a rank
    expect(name).toMatch(/-aaaaaaaa-3c469e-12$/);
  });

  test('begins with a letter, because the Service of a gang must', () => {
    expect(jobName('2026-tiny', 'search', KEY, 0, 'token')).toMatch(/^c-2026-tiny-search-/);
  });

  test('differs by attempt, and by claim', () => {
    const names = [
      jobName('tiny', 'search', KEY, 0, 'a'),
      jobName('tiny', 'search', KEY, 1, 'a'),
      jobName('tiny', 'search', KEY, 0, 'b'),
    ];
    expect(new Set(names).size).toBe(3);
  });
});

describe('the programs of a stage', () => {
  const stage = (run: object) =>
    ({
      kind: 'search' as const,
      config: STAGE_CONFIGS.search.parse({ run }),
      inputs: { prompts: ref, policy: ref },
      policy: { type: 'pretrain' as const, name: 'tiny' },
    }) satisfies Parameters<typeof programsOf>[0];
  const ref = { kind: 'pretrain' as const, key: KEY, digest: KEY };

  test('are its own and the embedded policy server by default', () => {
    expect(programsOf(stage({}))).toMatchObject({
      main: { runtime: 'node', args: ['stages/main.ts'] },
      policyServer: { runtime: 'python', args: ['-m', 'orrery_trainers.serving.policy_server'] },
    });
  });

  test('serve the policy that an earlier stage made with vLLM over all GPUs of the pod', () => {
    const run = {
      resources: { gpus: 8 },
      policyServer: { engine: 'vllm', contextTokens: 8192, args: ['--seed', '1'] },
    };
    const model = `stages/${KEY}/data/policy`;
    const args = [
      '--served-model-name',
      'tiny',
      '--tensor-parallel-size',
      '8',
      '--max-model-len',
      '8192',
      '--seed',
      '1',
    ];
    expect(programsOf(stage(run)).policyServer).toEqual({ runtime: 'vllm', args, model });
  });
});

describe('progress reports to the campaign', () => {
  const reportsWithin = (ms: number): number => {
    const due = progressSchedule();
    return Array.from({ length: ms / 1000 }, (_, second) => due(second * 1000)).filter(Boolean).length;
  };

  test('come often at first', () => expect(reportsWithin(60_000)).toBe(5));

  test('are at most 20 in the first day, so that a stage of many days keeps a small history', () => {
    expect(reportsWithin(86_400_000)).toBeLessThanOrEqual(20);
  });
});
