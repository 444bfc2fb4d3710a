import type { Campaign } from './campaign.ts';
import type { FaultRecord } from './checker/evidence.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

/** What a fault needs to act. */
export interface Tools {
  readonly target: Target;
  /** The campaign under test. */
  readonly campaign: Campaign;
  /**
   * Submits a second campaign with the same spec under another id.
   * @returns its id; null when it was submitted before
   */
  readonly submitTwin: () => Promise<string | null>;
  readonly random: Random;
  /** Key of a stage -> how often faults have struck it in this round. Updated by the faults. */
  readonly strikes: Map<string, number>;
  /** Aborts at the end of the round. Faults that last must then end. */
  readonly over: AbortSignal;
  /** Resolves early at the end of the round. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** What a fault did: a line of faults.jsonl. The injector adds the number, and the times when they are missing. */
export type Done = Pick<FaultRecord, 'target' | 'seen'> &
  Partial<
    Pick<
      FaultRecord,
      | 'kind'
      | 'at'
      | 'endedAt'
      | 'hits'
      | 'explains'
      | 'strikesAll'
      | 'graceful'
      | 'checkpointsDamaged'
      | 'swapped'
      | 'wrong'
    >
  >;

/** A row of the table of faults. */
export interface Fault {
  readonly kind: string;
  readonly description: string;
  /** Relative probability of being drawn. */
  readonly weight: number;
  /** Resources that no other fault may use while it lasts. */
  readonly needs: readonly Resource[];
  /** Whether other faults may be caused while it lasts. */
  readonly lasts: boolean;
  /** Causes the fault. Null when there is no target for it now. */
  act(tools: Tools): Promise<readonly Done[] | null>;
}

export type Resource =
  | 'worker'
  | 'temporal'
  | 'another worker'
  | 'pause'
  | 'disk'
  | 'stopped program'
  | 'zombie'
  | 'twin'
  | 'manifest';
