import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../../spec/errors.ts';
import { createExclusive, readJsonIfThere } from '../../store/files.ts';

/**
 * What the executor keeps in the store, since it is what all workers share: `<store>/kubernetes/stopped/<job>.json` says that the job is to stop,
 * and never to start again. Written before anything else is done about it, and kept although the Job is removed: a start that comes late still
 * finds it.
 */
const stoppedPath = (store: string, job: string): string => join(store, 'kubernetes', 'stopped', `${job}.json`);

const Stopped = z.object({ askedAt: z.iso.datetime() });

/** Notes that a job is to stop. @returns when that was asked for first */
export async function noteStopped(store: string, job: string): Promise<string> {
  const askedAt = new Date().toISOString();
  if (await createExclusive(stoppedPath(store, job), `${JSON.stringify({ askedAt })}\n`)) return askedAt;
  return (await stoppedSince(store, job)) ?? askedAt;
}

/** When a job was asked to stop; null if it was not. That the note is there says so, whatever it holds. */
export async function stoppedSince(store: string, job: string): Promise<string | null> {
  const path = stoppedPath(store, job);
  try {
    return (await readJsonIfThere(path, Stopped))?.askedAt ?? null;
  } catch (error) {
    if (error instanceof InvalidInputError) return (await stat(path)).mtime.toISOString();
    throw error;
  }
}
