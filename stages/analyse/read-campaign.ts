import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { CampaignData, FinishedStage } from '../../report/campaign-data.ts';
import { DroppedTrace } from '../../spec/curated-card.ts';
import { DataCard } from '../../spec/data-card.ts';
import type { Manifest } from '../../spec/manifest.ts';
import { EvaluatedCompletion, FILES, PassRate, partFile, Solution, TrainingMetric } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';
import { readJson } from '../../store/files.ts';
import { inputManifest } from '../io/inputs.ts';
import { readAllJsonl } from '../io/jsonl.ts';
import type { StageContext } from '../runtime/context.ts';

/**
 * Reads the finished stages of the campaign.
 * @throws StageExit `InvalidInput` when a file is missing, or does not match its manifest or schema
 */
export async function readCampaign(
  context: Pick<StageContext<'analyse'>, 'stage' | 'dir' | 'inputFiles'>,
): Promise<CampaignData> {
  const { stage } = context;
  const manifests = new Map<string, Manifest>();
  for (const [name, ref] of Object.entries(stage.inputs)) {
    manifests.set(name, inputManifest(join(dirname(context.dir), ref.key), ref, `${stage.name}: input "${name}"`));
  }
  const read = async <S extends z.ZodType>(kinds: readonly StageKind[], file: string, schema: S) => {
    const found: FinishedStage<z.output<S>>[] = [];
    for (const [name, manifest] of manifests) {
      if (!kinds.includes(manifest.kind)) continue;
      found.push({ name, manifest, records: await readAllJsonl(context.inputFiles(name, file), schema) });
    }
    return found;
  };
  return {
    stage,
    manifests,
    dataCard: await readDataCard(context, manifests),
    evaluations: await read(['evaluate'], FILES.evaluate.completions, EvaluatedCompletion),
    trainings: await read(['pretrain', 'sft', 'rl'], FILES.trainer.metrics, TrainingMetric),
    curricula: await read(['curriculum'], FILES.curriculum.passRates, PassRate),
    rewrites: await read(['rewrite'], FILES.rewrite.solutions, Solution),
    drops: await readDrops(context, manifests),
  };
}

/** Dropped traces by stage. A stage that finished before orrery wrote this file has none. */
async function readDrops(
  context: Pick<StageContext<'analyse'>, 'inputFiles'>,
  manifests: ReadonlyMap<string, Manifest>,
): Promise<Map<string, DroppedTrace[]>> {
  const drops = new Map<string, DroppedTrace[]>();
  const first = `data/${partFile(FILES.rewrite.dropped, 0)}`;
  for (const [name, { kind, files }] of manifests) {
    if (kind !== 'rewrite' || !files.some(({ path }) => path === first)) continue;
    drops.set(name, await readAllJsonl(context.inputFiles(name, FILES.rewrite.dropped), DroppedTrace));
  }
  return drops;
}

async function readDataCard(
  context: Pick<StageContext<'analyse'>, 'inputFiles'>,
  manifests: ReadonlyMap<string, Manifest>,
): Promise<DataCard | null> {
  for (const [name, { kind, files }] of manifests) {
    if (kind !== 'prepare' || !files.some(({ path }) => path === `data/${FILES.dataCard.card}`)) continue;
    const [path] = context.inputFiles(name, FILES.dataCard.card);
    return path === undefined ? null : await readJson(path, DataCard);
  }
  return null;
}
