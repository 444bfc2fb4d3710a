import { FILES, type ManifestRef, type StageKind } from '../../spec/index.ts';
import { aCampaign } from './campaign-data.ts';
import { finishedStage, plannedStage, type StageSketch } from './stored-stage.ts';

/** Puts an invented campaign into a store, as its stages would have left it. */
export async function storedCampaign(store: string, spoil: Readonly<Record<string, unknown>> = {}) {
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
