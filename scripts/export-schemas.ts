/**
 * Writes the JSON Schemas of the campaign (for editors) and of the stage file (for the Python programs), and the Python
 * types of the latter.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { inProject } from '../config/paths.ts';
import { CampaignSpec, IS_TRAINER, StageFile } from '../spec/index.ts';
import { PYTHON_TYPES, pythonTypes } from './python-types.ts';

const folder = new URL('../spec/schemas/', import.meta.url);

/**
 * File name -> schema as JSON text. Shared schemas appear once, in `$defs`, which makes the files a third of the size.
 */
export const schemas = (): Record<string, string> => ({
  'campaign.json': text(z.toJSONSchema(CampaignSpec, { io: 'input', reused: 'ref' }), 'A campaign of orrery'),
  // Each trainer reads its own, so that a new field of one kind changes no key of another.
  ...Object.fromEntries(
    StageFile.options
      .filter(({ shape }) => IS_TRAINER.has(shape.kind.value))
      .map((schema) => [`stage-file-${schema.shape.kind.value}.json`, stageFile(schema)]),
  ),
});

const stageFile = (schema: z.ZodType): string =>
  text(z.toJSONSchema(schema, { io: 'output', reused: 'ref' }), 'Input of a stage program of orrery');

function text(schema: object, title: string): string {
  return `${JSON.stringify({ title, ...schema }, null, 2)}\n`;
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [name, json] of Object.entries(schemas())) writeFileSync(new URL(name, folder), json);
  writeFileSync(inProject(PYTHON_TYPES), pythonTypes());
}
