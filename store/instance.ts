import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { createExclusive, readJson, readJsonIfThere } from './files.ts';

/**
 * `<store>/instance.json`: the name of this store, drawn once. An installation is its store, so this is what tells two installations apart: the
 * owner of a task queue in Temporal, and the labels of Jobs in Kubernetes.
 */
export const instancePath = (store: string): string => join(store, 'instance.json');
/** Where earlier versions kept the name. */
const earlierPath = (store: string): string => join(store, 'kubernetes', 'instance.json');

export const StoreId = z.string().regex(/^[a-z0-9]{10}$/, 'expected 10 lower-case letters and digits');
const Instance = z.object({ instance: StoreId });

/**
 * The name of this store; drawn by the first who asks.
 * @throws InvalidInputError naming the file, where it does not hold a name
 */
export async function storeId(store: string): Promise<string> {
  const known = await knownStoreId(store);
  if (known !== null) return known;
  const drawn = randomBytes(5).toString('hex');
  if (await createExclusive(instancePath(store), `${JSON.stringify({ instance: drawn })}\n`)) return drawn;
  return (await readJson(instancePath(store), Instance)).instance;
}

/** The name of this store; null where none was drawn. Writes nothing, but for a name that an earlier version kept elsewhere. */
export async function knownStoreId(store: string): Promise<string | null> {
  const own = await readJsonIfThere(instancePath(store), Instance);
  if (own !== null) return own.instance;
  const earlier = await readJsonIfThere(earlierPath(store), Instance);
  if (earlier === null) return null;
  await createExclusive(instancePath(store), `${JSON.stringify(earlier)}\n`);
  return (await readJson(instancePath(store), Instance)).instance;
}
