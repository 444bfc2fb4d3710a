import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { InputRules } from '../inputs/index.ts';
import type { Engines } from '../planner/index.ts';
import type { Executor, JobObservation, JobRequest, Outcome, Shortage, StageFile } from '../spec/index.ts';

/** What the activities act on. Handed in by `worker.ts`; tests hand in others. */
export interface Deps {
  /** Folder of the store. */
  readonly store: string;
  readonly projectRoot: string;
  /** What campaigns may read and fetch. */
  readonly inputs: InputRules;
  readonly executor: Executor;
  /** How this executor's observations map to the failure table. */
  readonly outcomeOf: (observation: JobObservation, attempt: number) => Outcome;
  /** Why this executor can never run the stage (more GPUs than the machine has); null if it can. */
  readonly refusalOf: (stage: Pick<StageFile, 'name' | 'config' | 'kind'>) => string | null;
  /**
   * What this executor lacks for a job; null where it has room, or cannot tell. `mustFitNow`: also what others use counts. Absent: whatever is
   * asked for is submitted.
   */
  readonly shortageOf?: ((request: JobRequest, mustFitNow: boolean) => Promise<Shortage | null>) | undefined;
  /** What the programs of the stages can do. Absent: what those of this version can. A simulation of others says so here. */
  readonly engines?: Engines | undefined;
  readonly client: Client;
  /** Whether the campaign's search attributes are registered with the server. */
  readonly searchAttributes: boolean;
  readonly log: Logger;
}
