import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { InvalidInputError, KubernetesSettings, parseOrRefuse } from '../spec/index.ts';

/**
 * Reads the file that `ORRERY_KUBERNETES` names.
 * @throws InvalidInputError naming the file and every bad field
 */
export function readKubernetesSettings(path: string | undefined): KubernetesSettings {
  const refuse = (message: string): never => {
    throw new InvalidInputError('ORRERY_KUBERNETES', [{ field: path ?? '', message }]);
  };
  if (!path) return refuse('expected the path of a settings file (docs/kubernetes.md), but got nothing');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return refuse(`expected a file that can be read, but got ${(error as NodeJS.ErrnoException).code}`);
  }
  try {
    return parseOrRefuse(KubernetesSettings, parse(text), path);
  } catch (error) {
    if (error instanceof YAMLParseError) return refuse(`expected YAML, but got: ${error.message}`);
    throw error;
  }
}
