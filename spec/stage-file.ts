import { z } from 'zod';
import { Data, DomainRef, Policy } from './campaign.ts';
import { Inputs, StageKey } from './manifest.ts';
import { IS_TRAINER, STAGE_CONFIGS, type StageKind } from './stages/index.ts';

/**
 * `stage.json`: everything that a stage program is told. The path comes in `ORRERY_STAGE_FILE`; both sides check it, the Python side
 * against the JSON Schema exported from here (`spec/schemas/stage-file.json`).
 */
const common = {
  schemaVersion: z.literal(1),
  name: z.string().describe('Name within the campaign that made it, for example astro/sft.'),
  key: StageKey,
  seed: z.int().min(0).describe('Seed of the campaign; programs derive theirs from it and from what they work on.'),
  domain: DomainRef,
  policy: Policy,
  codeVersion: z.string(),
  inputs: Inputs.describe('Finished stages that are read, by role. Their folder is <store>/stages/<key>.'),
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
        'SHA-256 of every problem file by its path as written, as the worker found it: no other content is read.',
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
    arms: z.array(z.string()).describe('Names of the arms, in the order of the spec. Inputs are named <arm>/<stage>.'),
  }),
]);
export type StageFile = z.infer<typeof StageFile>;
export type StageFileOf<K extends StageKind> = Extract<StageFile, { kind: K }>;

/** A stage file before its key is known. */
export type StageRequest = { [K in StageKind]: Omit<StageFileOf<K>, 'key' | 'codeVersion' | 'dataFiles'> }[StageKind];

/** Pods that publish a part and report progress: every shard, but of a gang rank 0 alone. */
export const publishersOf = ({ kind, config }: Pick<StageFile, 'kind' | 'config'>): number =>
  IS_TRAINER.has(kind) ? 1 : config.run.shards;
