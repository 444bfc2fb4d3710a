import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Executor } from '../executor/index.ts';
import type { InputRules } from '../inputs/index.ts';
import type { Engines } from '../planner/index.ts';

/** What the activities act on. `worker.ts` passes the real ones, tests pass their own. */
export interface Deps {
  /** Folder of the store. */
  readonly store: string;
  readonly projectRoot: string;
  /** What campaigns may read and fetch. */
  readonly inputs: InputRules;
  readonly executor: Executor;
  /**
   * What the programs of the stages can do; by default, what those of this version can. Simulations pass other values.
   */
  readonly engines?: Engines | undefined;
  readonly client: Client;
  /** Whether the campaign's search attributes are registered with the server. */
  readonly searchAttributes: boolean;
  readonly log: Logger;
}
