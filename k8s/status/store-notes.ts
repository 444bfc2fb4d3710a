import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { InvalidInputError } from '../../spec/errors.ts';
import { createExclusive, readJsonIfThere } from '../../store/files.ts';

/**
 * Notes of the executor in the store, which all workers share. `<store>/kubernetes/stopped/<job>.json` says that the
 * job must stop and never start again. It is written before any other action, and kept after the Job is removed, so
 * that a late start still finds it.
 */
const stoppedPath = (store: string, job: string): string => join(store, 'kubernetes', 'stopped', `${job}.json`);

const Stopped = z.object({ askedAt: z.iso.datetime() });

/** Records that a job must stop. @returns when that was first requested */
export async function noteStopped(store: string, job: string): Promise<string> {
  const askedAt = new Date().toISOString();
  if (await createExclusive(stoppedPath(store, job), `${JSON.stringify({ askedAt })}\n`)) return askedAt;
  return (await stoppedSince(store, job)) ?? askedAt;
}

/** When a job was asked to stop; null if it was not. The existence of the note is enough, whatever its content. */
export async function stoppedSince(store: string, job: string): Promise<string | null> {
  const path = stoppedPath(store, job);
  try {
    return (await readJsonIfThere(path, Stopped))?.askedAt ?? null;
  } catch (error) {
    if (error instanceof InvalidInputError) return (await stat(path)).mtime.toISOString();
    throw error;
  }
}
