import { describeReadError, readBounded, readYaml } from '../inputs/index.ts';
import { InvalidInputError, jsonFault, KubernetesSettings, parseOrRefuse, SPEC_LIMITS } from '../spec/index.ts';

/**
 * Reads the file that `ORRERY_KUBERNETES` names.
 * @throws InvalidInputError naming the file and every bad field
 */
export function readKubernetesSettings(path: string | undefined): KubernetesSettings {
  const refuse = (message: string): never => {
    throw new InvalidInputError('ORRERY_KUBERNETES', [{ field: path ?? '', message }]);
  };
  if (!path) return refuse('expected the path of a settings file (docs/kubernetes.md), but got nothing');
  let content: Uint8Array;
  try {
    content = readBounded(path);
  } catch (error) {
    return refuse(`expected a file that can be read, but ${describeReadError(error)}`);
  }
  const yaml = readYaml(content);
  if (yaml.kind === 'read') {
    const fault = jsonFault(yaml.value, SPEC_LIMITS);
    if (fault !== null) throw new InvalidInputError(path, [fault]);
    return parseOrRefuse(KubernetesSettings, yaml.value, path);
  }
  const complaints = yaml.complaints.map(({ message, line }) => ({ field: '', message: `line ${line}: ${message}` }));
  throw new InvalidInputError(path, complaints);
}
