import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Executor } from '../executor/index.ts';
import type { InputRules } from '../inputs/index.ts';
import type { Engines } from '../planner/index.ts';

/** What the activities act on. Handed in by `worker.ts`; tests hand in others. */
export interface Deps {
  /** Folder of the store. */
  readonly store: string;
  readonly projectRoot: string;
  /** What campaigns may read and fetch. */
  readonly inputs: InputRules;
  readonly executor: Executor;
  /** What the programs of the stages can do. Absent: what those of this version can. A simulation of others says so here. */
  readonly engines?: Engines | undefined;
  readonly client: Client;
  /** Whether the campaign's search attributes are registered with the server. */
  readonly searchAttributes: boolean;
  readonly log: Logger;
}
