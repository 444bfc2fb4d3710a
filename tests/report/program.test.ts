import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Report } from '../../report/report-schema.ts';
import { analyse } from '../../stages/analyse/program.ts';
import { runStage } from '../../stages/runtime/run.ts';
import { storedCampaign } from '../support/stored-campaign.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const run = (store: string, path: string) =>
  runStage(async () => analyse as never, { ORRERY_STORE: store, ORRERY_STAGE_FILE: path, ORRERY_ATTEMPT: '0' });

test('the program writes a readable report and its numbers, and publishes both', { timeout: 60_000 }, async () => {
  const store = await temporaryFolder();
  const { dir, path } = await storedCampaign(store);
  expect(await run(store, path)).toMatchObject({ exitCode: 0 });

  const report = Report.parse(JSON.parse(await readFile(join(dir, 'data/report.json'), 'utf8')));
  expect(report.results.map(({ label }) => label)).toEqual([
    'base',
    'astro SFT',
    'astro RL',
    'direct SFT',
    'direct RL',
  ]);
  expect(report.curated).toMatchObject([
    { stage: 'astro/rewrite', solutions: 100, dropped: 3, droppedByReason: { numbers: 3 } },
    { stage: 'direct/rewrite', solutions: 40, dropped: 0 },
  ]);
  expect(await readFile(join(dir, 'data/report.html'), 'utf8')).toContain(report.headline.sentence);
  const part = JSON.parse(await readFile(join(dir, 'parts/00000.json'), 'utf8'));
  expect(part.files.map((file: { path: string }) => file.path)).toEqual(['data/report.html', 'data/report.json']);
});

test('a record that does not match the spec is refused with file, line and field', async () => {
  const store = await temporaryFolder();
  const { path } = await storedCampaign(store, { 'astro/sft': { optimizerStep: 'one', attempt: 0, loss: 1 } });
  const ending = await run(store, path);
  expect(ending.exitCode).toBe(65);
  expect(ending.message).toMatch(/metrics\.jsonl:1 is not valid: optimizerStep: expected .*but got "one"/);
});
