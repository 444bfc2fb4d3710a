import { domainsFolder } from '../../domains/domain.ts';
import { isMissing, sha256File } from '../../store/files.ts';
import { sourcesPath } from '../../store/layout.ts';
import { differenceOf, isComputed, pathOf, readSources, versionOf } from '../../store/sources.ts';
import { StageExit } from './exits.ts';
import type { Pod } from './pod.ts';
import { PROJECT } from './python.ts';

/**
 * Compares the sources of this pod with those of the worker that started it. A pod with an old image under a new worker
 * would publish a result of old code under the key of the new code.
 * @throws StageExit `InvalidInput` naming both code versions
 * @throws StageExit `DependencyDown` when the list of the worker's sources is damaged; the next attempt writes it again
 */
export async function refuseOtherCode({ dir, stage }: Pick<Pod, 'dir' | 'stage'>): Promise<void> {
  if (!isComputed(stage.codeVersion)) return;
  const planned = await readSources(dir);
  if (planned === null || versionOf(planned) !== stage.codeVersion) {
    const fault = `${sourcesPath(dir)} is damaged: it is not the list of sources of code version ${stage.codeVersion}`;
    throw new StageExit('DependencyDown', `${fault}; the next attempt writes it again`);
  }
  const folders = { project: PROJECT, domains: domainsFolder() };
  const digests = Object.keys(planned.main).map(
    async (name) => [name, await digestOf(pathOf(name, stage.domain.name, folders))] as const,
  );
  const difference = differenceOf(planned, Object.fromEntries(await Promise.all(digests)));
  if (difference !== null) throw new StageExit('InvalidInput', difference);
}

/** SHA-256 of a file; empty when it is missing. */
async function digestOf(path: string): Promise<string> {
  try {
    return await sha256File(path);
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}
