import { join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';
import { Sha256 } from '../spec/manifest.ts';
import { sha256 } from './canonical.ts';
import { readJsonIfThere, writeFileAtomic } from './files.ts';
import { sourcesPath } from './layout.ts';

/** Sources by their names in the project, with their sha256. */
const Digests = z.record(z.string(), z.string());
type Digests = z.infer<typeof Digests>;

/** `sources.json` of a stage's folder: what each of its programs loads, as the worker found it. */
export const StageSources = z.strictObject({ main: Digests, policyServer: Digests.nullable() });
export type StageSources = z.infer<typeof StageSources>;

/** The code version of a stage: a sha256 over the sources of its programs. */
export function versionOf({ main, policyServer }: StageSources): string {
  const all = Object.entries({ ...policyServer, ...main });
  return sha256(
    all
      .map(([name, digest]) => `${name} ${digest}\n`)
      .toSorted()
      .join(''),
  );
}

/** Writes `sources.json`; one that says the same is left alone. */
export async function writeSources(stage: string, sources: StageSources): Promise<void> {
  const there = await readSources(stage);
  if (there !== null && versionOf(there) === versionOf(sources)) return;
  await writeFileAtomic(sourcesPath(stage), `${JSON.stringify(sources, null, 2)}\n`);
}

/** `sources.json` of a stage's folder; null where it is not there, or holds something else. */
export async function readSources(stage: string): Promise<StageSources | null> {
  try {
    return await readJsonIfThere(sourcesPath(stage), StageSources);
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}

/** Where a source lies, by its name: what it is called in `sources.json`. */
export function pathOf(
  name: string,
  domain: string,
  { project, domains }: { project: string; domains: string },
): string {
  if (name.startsWith('ORRERY_DOMAINS/')) return join(domains, name.slice('ORRERY_DOMAINS/'.length));
  return name.startsWith(`domains/${domain}/`) ? join(domains, name.slice('domains/'.length)) : join(project, name);
}

/** A code version that was computed; other stage files were written by hand, and their code is not compared. */
export const isComputed = (version: string): boolean => Sha256.safeParse(version).success;

/**
 * What a pod says of code that is not the worker's; null where it is the same. Pure.
 * @param planned - what the worker found
 * @param own - the sources of `main` as the pod has them; empty where one is missing
 */
export function differenceOf(planned: StageSources, own: Digests): string | null {
  const names = Object.keys(planned.main).filter((name) => planned.main[name] !== own[name]);
  if (names.length === 0) return null;
  const shown = names.slice(0, 3).map((name) => `${name}${own[name] === '' ? ' (missing)' : ''}`);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  const ours = versionOf({ ...planned, main: own });
  return (
    `expected the code version ${versionOf(planned)}, which the worker has, but the code of this pod is ${ours}: ${shown.join(', ')}${more} differ. ` +
    'Give both the same code (an image made of the worker’s sources, or a worker of the image’s), then retry the stage'
  );
}
