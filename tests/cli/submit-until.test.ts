import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { inOrrery, inProject } from '../../config/paths.ts';
import type { CampaignStatus } from '../../spec/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { aCampaign } from '../support/worker.ts';

const bench = runningWorkbench();
let file: string;

beforeAll(async () => {
  file = join(bench.home, '..', 'campaign.json');
  writeFileSync(file, JSON.stringify(aCampaign({ name: 'until', arms: [{ name: 'astro' }] })));
});

const orrery = (...args: string[]) =>
  execa(process.execPath, [inProject('cli/main.ts'), ...args], {
    reject: false,
    env: { TEMPORAL_ADDRESS: bench.address, ORRERY_STORE: bench.store },
  });
const statusOf = async () => {
  const handle = bench.client.workflow.getHandle('until');
  const { report } = (await handle.result()) as { report: { html: string } };
  return { ...(await handle.query<CampaignStatus>('status')), report };
};

test('submit --until ends every arm after that stage, with a report; the next submit reuses finished stages', async () => {
  expect(await orrery('submit', file, '--until', 'linearise')).toMatchObject({ exitCode: 0 });
  const part = await statusOf();
  expect(part.stages.map(({ name }) => name)).not.toContain('astro/rewrite');
  expect(part.stages.find(({ name }) => name === 'astro/linearise')).toMatchObject({ state: 'completed' });
  expect(existsSync(part.report.html)).toBe(true);

  expect(await orrery('submit', file, '--until', 'rewrite')).toMatchObject({ exitCode: 0 });
  const more = await statusOf();
  expect(more.stages.find(({ name }) => name === 'astro/linearise')).toMatchObject({ state: 'reused' });
  expect(more.stages.find(({ name }) => name === 'astro/rewrite')).toMatchObject({ state: 'completed' });
});

test('submit --until refuses a stage after which no campaign can end', async () => {
  const { exitCode, stderr } = await orrery('submit', file, '--until', 'analyse');
  expect(exitCode).toBe(2);
  expect(stderr).toContain('--until');
});

test('submit --until --print prints a command whose input contains the stage', async () => {
  const id = 'until-printed';
  const copy = inOrrery('specs', `${id}.json`);
  try {
    const { stdout } = await orrery('submit', file, '--until', 'sft', '--id', id, '--print');
    expect(stdout).toContain(`--input-file .orrery/specs/${id}.json`);
    const { stdout: until } = await execa(process.execPath, ['-p', `require(${JSON.stringify(copy)}).until`]);
    expect(until).toBe('sft');
  } finally {
    rmSync(copy, { force: true });
  }
});
