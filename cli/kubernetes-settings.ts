import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { KubernetesSettings, parseOrRefuse } from '../spec/index.ts';
import { CommandError, EXIT, messageOf } from './errors.ts';

/** The settings file that a command is to use: what it is told, else what a worker of this environment uses; null where there is none. */
export const settingsFile = (told: string | undefined): string | null =>
  told ?? (process.env.ORRERY_KUBERNETES || null);

/**
 * Settings of a cluster.
 * @throws CommandError 66 when there is no such file; InvalidInputError when it is not what is expected
 */
export async function readKubernetesSettings(file: string): Promise<KubernetesSettings> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new CommandError(EXIT.missing, `${file} cannot be read: ${messageOf(error)}`, undefined, { cause: error });
  }
  return parseOrRefuse(KubernetesSettings, parse(text), file);
}

/** Where only machines are asked about: images and claims do not matter to them. */
export const SETTINGS_OF_NO_CLUSTER: KubernetesSettings = KubernetesSettings.parse({
  image: 'not-said',
  store: { claim: 'not-said' },
});
