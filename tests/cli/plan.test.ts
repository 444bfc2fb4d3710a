import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject, PROJECT } from '../../config/paths.ts';
import type { CampaignPlan } from '../../planner/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const EXAMPLE = 'examples/llama-3.1-70b.yaml';
const orrery = (...args: string[]) =>
  execa(process.execPath, [inProject('cli/main.ts'), ...args], { cwd: PROJECT, reject: false });

test('plan forecasts every stage although some data is missing, and exits with 0 when every stage fits', async () => {
  const { exitCode, stdout } = await orrery('plan', EXAMPLE, '--forecast', '--json');
  expect(exitCode).toBe(0);
  const plan = JSON.parse(stdout) as CampaignPlan;
  expect(plan.stages).toHaveLength(18);
  // The benchmark files exist, so plan counts their problems.
  expect(plan.counts).toEqual({ search: 20_700, curriculum: 20_700, benchmark: 570 });
});

test('plan, validate and submit name the stage and field that the trainers cannot run, and what would run', async () => {
  const words = /stages\.sft\.run\.resources\.gpus: expected at most 1, but got 8[\s\S]*until: rewrite/;
  const planned = await orrery('plan', EXAMPLE);
  expect(planned.exitCode).toBe(1);
  expect(planned.stdout).toMatch(/this campaign cannot run[\s\S]*139,711|139,711[\s\S]*this campaign cannot run/);
  expect(planned.stdout).toMatch(words);
  for (const command of [['validate'], ['submit'], ['submit', '--print']]) {
    const { exitCode, stderr } = await orrery(...command, EXAMPLE);
    expect(exitCode, command.join(' ')).toBe(65);
    expect(stderr).toMatch(words);
  }
});

test('--until accepts a campaign that ends before the stage that cannot run', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'campaign.yaml');
  await writeFile(file, (await readExample()).replaceAll(/data\/training\/[\w-]+/g, 'data/benchmarks/math500'));
  const { exitCode, stdout } = await orrery('submit', '--print', '--until', 'rewrite', '--id', 'until-rewrite', file);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('workflow start');
});

test('plan names the field that does not fit, and exits with 1', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'campaign.yaml');
  await writeFile(file, (await readExample()).replace('microBatchSize: 1', 'microBatchSize: 4'));
  const { exitCode, stdout } = await orrery('plan', file);
  expect(exitCode).toBe(1);
  expect(stdout).toContain('stages.rl.microBatchSize: expected at most 1, but got 4');
});

test('plan refuses an unknown model, and exits with 65', async () => {
  const folder = await temporaryFolder();
  const file = join(folder, 'campaign.yaml');
  await writeFile(file, (await readExample()).replace('meta-llama/Llama-3.1-70B-Instruct', 'someone/else'));
  const { exitCode, stderr } = await orrery('plan', file);
  expect(exitCode).toBe(65);
  expect(stderr).toContain('policy.uri: expected a folder with config.json');
});

const readExample = (): Promise<string> => readFile(inProject(EXAMPLE), 'utf8');

test('the plan of a campaign without GPUs speaks of none', async () => {
  const { exitCode, stdout } = await orrery('plan', 'examples/tiny.yaml');
  expect(exitCode).toBe(0);
  expect(stdout).toContain('0.4M parameters, without GPUs');
  expect(stdout).not.toMatch(/H100|GPU-hours,|trainingMfu/);
});
