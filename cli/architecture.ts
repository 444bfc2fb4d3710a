import { join } from 'node:path';
import { errorMessage } from '../config/command-errors.ts';
import { readSmallFile, WrongInputError } from '../inputs/index.ts';
import {
  ARCHITECTURES,
  type Architecture,
  architectureFromConfig,
  pretrainedArchitecture,
  publishedArchitecture,
} from '../planner/index.ts';
import { type CampaignSpec, InvalidInputError } from '../spec/index.ts';

/** Largest config.json that the CLI reads. Real files have a few kB. *Ours*. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * The architecture of a campaign's policy. It comes from the `pretrain` stage, from config.json in the model's folder,
 * or from the published model of the same name.
 * @throws InvalidInputError when none of these gives an architecture, or when config.json is not valid
 */
export async function architectureOf({ policy, stages }: CampaignSpec): Promise<Architecture> {
  if (policy.type === 'pretrain') return pretrainedArchitecture(stages.pretrain.model);
  const path = join(policy.uri, 'config.json');
  const text = await readSmallFile(path, MAX_CONFIG_BYTES).catch((error: unknown) => {
    if (error instanceof WrongInputError) throw new InvalidInputError(path, [{ field: '', message: error.message }]);
    return null; // The folder may be visible to the pods only.
  });
  if (text !== null) return architectureFromConfig(parsed(text, path), path);
  const published = publishedArchitecture(policy.name);
  if (published !== null) return published;
  const message = `expected a folder with config.json, or a policy.name of ${Object.keys(ARCHITECTURES).join(', ')}, but got ${policy.name} and no ${path}`;
  throw new InvalidInputError('the campaign', [{ field: 'policy.uri', message }]);
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError(path, [{ field: '', message: `expected JSON, but ${errorMessage(error)}` }]);
  }
}
