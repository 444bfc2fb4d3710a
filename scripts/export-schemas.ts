/** Writes the JSON Schemas of the campaign (for editors) and of the stage file (for the Python programs), and the Python types of the latter. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { inProject } from '../config/paths.ts';
import { CampaignSpec, StageFile } from '../spec/index.ts';
import { PYTHON_TYPES, pythonTypes } from './python-types.ts';

const folder = new URL('../spec/schemas/', import.meta.url);

/** File name -> schema, as JSON text. What several fields share stands once, in `$defs`: a third of the size. */
export const schemas = (): Record<string, string> => ({
  'campaign.json': text(z.toJSONSchema(CampaignSpec, { io: 'input', reused: 'ref' }), 'A campaign of orrery'),
  'stage-file.json': text(
    z.toJSONSchema(StageFile, { io: 'output', reused: 'ref' }),
    'Input of a stage program of orrery',
  ),
});

function text(schema: object, title: string): string {
  return `${JSON.stringify({ title, ...schema }, null, 2)}\n`;
}

if (import.meta.main) {
  mkdirSync(folder, { recursive: true });
  for (const [name, json] of Object.entries(schemas())) writeFileSync(new URL(name, folder), json);
  writeFileSync(inProject(PYTHON_TYPES), pythonTypes());
}
