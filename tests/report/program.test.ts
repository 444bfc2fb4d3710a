import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Report } from '../../report/report-schema.ts';
import { FILES, type ManifestRef, type StageKind } from '../../spec/index.ts';
import { analyse } from '../../stages/analyse/program.ts';
import { runStage } from '../../stages/runtime/run.ts';
import { aCampaign } from '../support/campaign-data.ts';
import { finishedStage, plannedStage, type StageSketch } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Puts an invented campaign into a store, as its stages would have left it. */
async function storedCampaign(store: string, spoil: Readonly<Record<string, unknown>> = {}) {
  const { evaluations, trainings, curricula, rewrites, drops } = aCampaign({ problems: 12, rlSteps: 20 });
  const files: readonly [
    string,
    readonly { name: string; manifest: { kind: StageKind }; records: readonly unknown[] }[],
  ][] = [
    [FILES.evaluate.completions.replace('.', '-00000.'), evaluations],
    [FILES.trainer.metrics, trainings],
    [FILES.curriculum.passRates, curricula],
    [FILES.rewrite.solutions, rewrites],
  ];
  const inputs: Record<string, ManifestRef> = {};
  for (const [file, stages] of files) {
    for (const { name, manifest, records } of stages) {
      const sketch = { kind: manifest.kind, seed: Object.keys(inputs).length };
      const dropped: Record<string, readonly unknown[]> = drops.has(name)
        ? { 'dropped-00000.jsonl': drops.get(name)! }
        : {};
      inputs[name] = await finishedStage(store, sketch, {
        [file]: name in spoil ? [spoil[name]] : records,
        ...dropped,
      });
    }
  }
  const sketch = {
    kind: 'analyse' as const,
    inputs,
    arms: ['astro', 'direct'],
    domain: { name: 'countdown' },
    config: { bootstrapResamples: 200, solutionGraphs: 2 },
  };
  return plannedStage(store, sketch satisfies StageSketch);
}

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
