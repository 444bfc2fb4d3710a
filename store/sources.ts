import { join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../spec/errors.ts';
import { Sha256 } from '../spec/manifest.ts';
import { sha256 } from './canonical.ts';
import { readJsonIfThere, writeFileAtomic } from './files.ts';
import { sourcesPath } from './layout.ts';

/** SHA-256 of every source, by its name in the project. */
const Digests = z.record(z.string(), z.string());
type Digests = z.infer<typeof Digests>;

/** `sources.json` in the folder of a stage: the sources that each of its programs loads, as found by the worker. */
export const StageSources = z.strictObject({ main: Digests, policyServer: Digests.nullable() });
export type StageSources = z.infer<typeof StageSources>;

/** The code version of a stage: the sha256 of the names and digests of its sources. */
export function versionOf({ main, policyServer }: StageSources): string {
  const all = Object.entries({ ...policyServer, ...main });
  return sha256(
    all
      .map(([name, digest]) => `${name} ${digest}\n`)
      .toSorted()
      .join(''),
  );
}

/** Writes `sources.json`, unless the file already has the same content. */
export async function writeSources(stage: string, sources: StageSources): Promise<void> {
  const existing = await readSources(stage);
  if (existing !== null && versionOf(existing) === versionOf(sources)) return;
  await writeFileAtomic(sourcesPath(stage), `${JSON.stringify(sources, null, 2)}\n`);
}

/** Reads `sources.json` from the folder of a stage; null if it is missing or does not parse. */
export async function readSources(stage: string): Promise<StageSources | null> {
  try {
    return await readJsonIfThere(sourcesPath(stage), StageSources);
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}

/** The path of a source. @param name - its name in `sources.json` */
export function pathOf(
  name: string,
  domain: string,
  { project, domains }: { project: string; domains: string },
): string {
  if (name.startsWith('ORRERY_DOMAINS/')) return join(domains, name.slice('ORRERY_DOMAINS/'.length));
  return name.startsWith(`domains/${domain}/`) ? join(domains, name.slice('domains/'.length)) : join(project, name);
}

/**
 * Whether a code version was computed. Stage files that were written by hand have other versions, whose code is not
 * compared.
 */
export const isComputed = (version: string): boolean => Sha256.safeParse(version).success;

/**
 * Describes how the code of a pod differs from that of the worker; null if they are equal. Pure.
 * @param planned - the sources according to the worker
 * @param own - digests of the sources of `main` in the pod; an empty text for a missing source
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
