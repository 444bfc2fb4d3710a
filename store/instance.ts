import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { createExclusive, readJson, readJsonIfThere } from './files.ts';

/**
 * `<store>/instance.json`: the id of this store, drawn at random once. It identifies the installation: as the owner of
 * a task queue in Temporal, and in the labels of Jobs in Kubernetes.
 */
export const instancePath = (store: string): string => join(store, 'instance.json');
/** Path of the file in earlier versions. */
const legacyPath = (store: string): string => join(store, 'kubernetes', 'instance.json');

export const StoreId = z.string().regex(/^[a-z0-9]{10}$/, 'expected 10 lower-case letters and digits');
const Instance = z.object({ instance: StoreId });

/**
 * The id of this store. The first call draws it.
 * @throws InvalidInputError that names the file, if it contains no id
 */
export async function storeId(store: string): Promise<string> {
  const known = await knownStoreId(store);
  if (known !== null) return known;
  const drawn = randomBytes(5).toString('hex');
  if (await createExclusive(instancePath(store), `${JSON.stringify({ instance: drawn })}\n`)) return drawn;
  return (await readJson(instancePath(store), Instance)).instance;
}

/**
 * The id of this store; null if none was drawn. It writes nothing, except to move an id from its path in earlier
 * versions.
 */
export async function knownStoreId(store: string): Promise<string | null> {
  const own = await readJsonIfThere(instancePath(store), Instance);
  if (own !== null) return own.instance;
  const earlier = await readJsonIfThere(legacyPath(store), Instance);
  if (earlier === null) return null;
  await createExclusive(instancePath(store), `${JSON.stringify(earlier)}\n`);
  return (await readJson(instancePath(store), Instance)).instance;
}
