import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { isOpenHere } from '../installation/index.ts';
import { createExclusive, readJson, storeId } from '../store/index.ts';
import type { Owner, OwnerState } from './garbage.ts';

/**
 * `<store>/temporal.json`: the Temporal namespace that this store's campaigns run in, by its id, which no other server and no namespace
 * made anew ever has. Written by the first who asks. Another Temporal knows nothing of these campaigns, or something of others that are
 * called the same.
 */
const StoreTemporal = z.object({ namespace: z.string(), namespaceId: z.string() });
export const storeTemporalPath = (store: string): string => join(store, 'temporal.json');

/** Silence for longer is taken for none. */
const ANSWER_MS = 10_000;

export interface Owners {
  readonly stateOf: (owner: Owner) => Promise<OwnerState>;
  /** Why no owner's state can be known; null where it can. */
  readonly doubt: string | null;
}

/**
 * Asks Temporal for the owners of claims and jobs. One that it has not is closed: its retention is over, or it never began. So is one whose id
 * another installation uses now. Only the
 * Temporal that the store belongs to is believed; to another, or one whose database was lost, every owner is unknown, and where it does not
 * answer too.
 * @param answerMs - how long an answer is waited for
 */
export async function temporalOwners(client: Client, store: string, answerMs: number = ANSWER_MS): Promise<Owners> {
  const doubt = await strangeness(client, store, answerMs).catch(
    (error: Error) => `Temporal does not say who it is: ${error.message}`,
  );

  async function stateOf(owner: Owner): Promise<OwnerState> {
    if (doubt !== null) return 'unknown';
    try {
      const id = await storeId(store);
      const isOpen = await client.withDeadline(Date.now() + answerMs, () => isOpenHere(client, id, owner));
      return isOpen ? 'running' : 'closed';
    } catch {
      return 'unknown';
    }
  }
  return { stateOf, doubt };
}

/** Why this is not the Temporal that the store's campaigns run in; null if it is. */
async function strangeness(client: Client, store: string, answerMs: number): Promise<string | null> {
  const { namespace } = client.options;
  const { namespaceInfo } = await client.withDeadline(Date.now() + answerMs, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  const namespaceId = namespaceInfo?.id;
  if (!namespaceId) return 'Temporal does not say the id of its namespace';
  const path = storeTemporalPath(store);
  if (await createExclusive(path, `${JSON.stringify({ namespace, namespaceId })}\n`)) return null;
  const own = await readJson(path, StoreTemporal);
  if (own.namespaceId === namespaceId) return null;
  return `the campaigns of this store run in another Temporal (namespace ${own.namespace}, ${own.namespaceId}) than this one (${namespace}, ${namespaceId}): nothing is concluded from what it says; if the other is gone for good, remove ${path}`;
}
