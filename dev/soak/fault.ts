import type { Campaign } from './campaign.ts';
import type { FaultRecord } from './checker/evidence.ts';
import type { Random } from './random.ts';
import type { Target } from './target.ts';

/** What a fault acts with. */
export interface Tools {
  readonly target: Target;
  /** The campaign that is disturbed. */
  readonly campaign: Campaign;
  /** Submits one more campaign of the same spec under another id. @returns its id; null when that was done before */
  readonly submitTwin: () => Promise<string | null>;
  readonly random: Random;
  /** How often each stage has been struck in this round, by key; kept up to date. */
  readonly strikes: Map<string, number>;
  /** Aborts when the round is over: what lasts ends then. */
  readonly over: AbortSignal;
  /** Ends early when the round is over. */
  readonly sleep: (ms: number) => Promise<void>;
}

/** What a fault has done: a line of the log, but for the number and the times, which the injector adds where they are not given. */
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
  readonly words: string;
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** What it needs for itself while it lasts. */
  readonly needs: readonly Resource[];
  /** Others go on meanwhile. */
  readonly lasts: boolean;
  /** Causes it. Null when there is nothing now that it could be caused on. */
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
