import { z } from 'zod';
import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { CampaignSpec, planCampaign } from '../../spec/index.ts';
import { InvalidCampaignFile, readCampaignFile } from '../campaign-file.ts';

/** `validate`: every bad field of a campaign file, with its line. */
export async function validate(file: string, options: { json?: true }): Promise<ExitCode> {
  try {
    const { spec } = await readCampaignFile(file);
    const stages = planCampaign(spec).map(({ name }) => name);
    console.log(
      options.json
        ? JSON.stringify({ valid: true, name: spec.name, stages })
        : `${file} is valid: campaign ${spec.name}, ${stages.length} stages, arms ${spec.arms.map(({ name }) => name).join(', ')}`,
    );
    return EXIT.ok;
  } catch (error) {
    if (!options.json || !(error instanceof InvalidCampaignFile)) throw error;
    console.log(JSON.stringify({ valid: false, complaints: error.complaints }, null, 2));
    return EXIT.invalid;
  }
}

/** `schema`: the JSON Schema of campaign files. */
export async function schema(): Promise<ExitCode> {
  console.log(JSON.stringify(z.toJSONSchema(CampaignSpec, { io: 'input' }), null, 2));
  return EXIT.ok;
}
