import { z } from 'zod';
import { Data, DomainRef, Policy } from './campaign.ts';
import { Inputs, StageKey } from './manifest.ts';
import { IS_TRAINER, STAGE_CONFIGS, type StageKind } from './stages/index.ts';

/**
 * `stage.json`: the complete input of a stage program, whose path is in `ORRERY_STAGE_FILE`. Python programs validate it against the JSON
 * Schema that is exported from here (`spec/schemas/stage-file.json`).
 */
const common = {
  schemaVersion: z.literal(1),
  name: z.string().describe('Name of the stage within its campaign, for example astro/sft.'),
  key: StageKey,
  seed: z
    .int()
    .min(0)
    .describe('Seed of the campaign. Programs derive their own seeds from it and from the item that they work on.'),
  domain: DomainRef,
  policy: Policy,
  codeVersion: z.string(),
  inputs: Inputs.describe('Finished stages to read, by role. The folder of each is <store>/stages/<key>.'),
};
const stageFileOf = <K extends StageKind>(kind: K) =>
  z.strictObject({ ...common, kind: z.literal(kind), config: STAGE_CONFIGS[kind] as (typeof STAGE_CONFIGS)[K] });

export const StageFile = z.discriminatedUnion('kind', [
  stageFileOf('prepare').extend({
    data: Data,
    dataFiles: z
      .record(z.string(), z.string().regex(/^[0-9a-f]{64}$/))
      .optional()
      .describe(
        'SHA-256 of every problem file, by the path in the campaign, computed by the worker. The program refuses files with other content.',
      ),
  }),
  stageFileOf('pretrain'),
  stageFileOf('search'),
  stageFileOf('linearise'),
  stageFileOf('rewrite'),
  stageFileOf('sft'),
  stageFileOf('curriculum'),
  stageFileOf('rl'),
  stageFileOf('evaluate'),
  stageFileOf('analyse').extend({
    arms: z
      .array(z.string())
      .describe('Names of the arms in the order of the spec. Their inputs are named <arm>/<stage>.'),
  }),
]);
export type StageFile = z.infer<typeof StageFile>;
export type StageFileOf<K extends StageKind> = Extract<StageFile, { kind: K }>;

/** A stage file without the fields that the worker computes. */
export type StageRequest = { [K in StageKind]: Omit<StageFileOf<K>, 'key' | 'codeVersion' | 'dataFiles'> }[StageKind];

/** Number of pods that publish a part and report progress: every shard, or only rank 0 of a gang. */
export const publishersOf = ({ kind, config }: Pick<StageFile, 'kind' | 'config'>): number =>
  IS_TRAINER.has(kind) ? 1 : config.run.shards;
