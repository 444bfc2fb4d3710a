import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { createExclusive, readJson, readJsonIfThere } from '../store/files.ts';

/**
 * What the executor keeps in the store, since it is what all workers share: in `<store>/kubernetes/`
 *
 * - `instance.json`: a name for this store, drawn once. Labels carry it, so that installations that share a namespace do not see each other's
 *   Jobs, and none takes another's for garbage
 * - `stopped/<job>.json`: the job is to stop, and never to start again. Written before anything else is done about it, and kept although the Job is
 *   removed: a start that comes late still finds it
 */
const instancePath = (store: string): string => join(store, 'kubernetes', 'instance.json');
const stoppedPath = (store: string, job: string): string => join(store, 'kubernetes', 'stopped', `${job}.json`);

const Instance = z.object({ instance: z.string().regex(/^[a-z0-9]{10}$/) });
const Stopped = z.object({ askedAt: z.iso.datetime() });

/** The name of this store; drawn by the first who asks. */
export async function storeInstance(store: string): Promise<string> {
  const drawn = randomBytes(5).toString('hex');
  if (await createExclusive(instancePath(store), `${JSON.stringify({ instance: drawn })}\n`)) return drawn;
  return (await readJson(instancePath(store), Instance)).instance;
}

/** Notes that a job is to stop. @returns when that was asked for first */
export async function noteStopped(store: string, job: string): Promise<string> {
  const askedAt = new Date().toISOString();
  if (await createExclusive(stoppedPath(store, job), `${JSON.stringify({ askedAt })}\n`)) return askedAt;
  return (await stoppedSince(store, job)) ?? askedAt;
}

/** When a job was asked to stop; null if it was not. */
export const stoppedSince = async (store: string, job: string): Promise<string | null> =>
  (await readJsonIfThere(stoppedPath(store, job), Stopped))?.askedAt ?? null;
