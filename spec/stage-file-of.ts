import { z } from 'zod';
import { Inputs, StageKey } from './manifest.ts';
import { DomainRef, Policy } from './policy.ts';
import type { StageKind } from './stages/kinds.ts';

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

/** The schema of `stage.json` of one kind. A program loads only the schema of its own kind. */
export const stageFileOf = <K extends StageKind, C extends z.ZodType>(kind: K, config: C) =>
  z.strictObject({ ...common, kind: z.literal(kind), config });
