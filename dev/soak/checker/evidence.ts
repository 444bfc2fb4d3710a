import type { Verdict } from './violations.ts';

/**
 * What a round of the soak leaves for the checker: JSON files in one folder. The checker and the writer share only
 * these types and names.
 *
 * ```
 * round.json                  Round
 * faults.jsonl                FaultRecord, one per line, in the order of their ends
 * sightings.json              Sightings
 * store-changes.jsonl         StoreChange, one per line
 * campaigns/<id>.json         CampaignEnd
 * histories/<id>/<run>.json   history of one run of a workflow, as `temporal workflow show --output json` prints it;
 *                             `/` of the id as `~`
 * left.json                   LeftBehind
 * ```
 *
 * All times are ISO 8601 in UTC, from the clock of the runner's machine.
 */
export const EVIDENCE = {
  round: 'round.json',
  faults: 'faults.jsonl',
  sightings: 'sightings.json',
  storeChanges: 'store-changes.jsonl',
  campaigns: 'campaigns',
  histories: 'histories',
  left: 'left.json',
} as const;

/** `round.json`: one store, from the submission of a campaign to the end of every worker. */
export interface Round {
  readonly name: string;
  /** Workflow ids. The faults target the first one. */
  readonly campaigns: readonly string[];
  /** Folder of the store when the checker runs. */
  readonly store: string;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Digest of every stage's outputs in the undisturbed run, by stage name; null for that run itself. */
  readonly reference: Readonly<Record<string, { readonly key: string; readonly digest: string }>> | null;
}

/** A part of an execution that a fault targeted. */
export interface Hit {
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
}

/** A line of `faults.jsonl`. */
export interface FaultRecord {
  readonly id: number;
  readonly kind: string;
  readonly at: string;
  readonly endedAt: string;
  /** What the fault was applied to. For people. */
  readonly target: string;
  /** What happened next. For people. */
  readonly seen: string;
  /** Executions that it struck. */
  readonly hits: readonly Hit[];
  /**
   * Failure classes that orrery may report for a struck execution. Empty when the fault must not fail any execution.
   */
  readonly explains: readonly string[];
  /** Whether it struck every execution that was alive between `at` and `endedAt` (a full disk). */
  readonly strikesAll: boolean;
  /** Number of checkpoints that it made unreadable. */
  readonly checkpointsDamaged: number;
  /** Key of a finished stage whose manifest it replaced. The original manifest may be restored until `endedAt`. */
  readonly swapped: string | null;
  /** The struck program is asked to stop and saves its work first. */
  readonly graceful: boolean;
  /** A violation that the fault itself found: a pause that left processes, a second campaign with one id. Else null. */
  readonly wrong: { readonly verdict: Verdict; readonly what: string } | null;
}

/** A process of an execution, as the runner saw it. `main`: the stage's program in that part. */
export interface Sighting {
  readonly pid: number;
  /** Start time, which distinguishes it from a later process with the same pid. */
  readonly start: string;
  readonly role: 'main' | 'policy-server' | 'other';
  readonly job: string;
  readonly campaign: string | null;
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Started by the soak itself, as a process of an attempt that a later one has replaced. */
  readonly zombie: boolean;
}

/** Two processes that were alive at the same time, which is not allowed. */
export interface Overlap {
  readonly at: string;
  readonly why: string;
  readonly one: Sighting;
  readonly other: Sighting;
}

/** `sightings.json` */
export interface Sightings {
  /** How often the runner listed the processes, and the longest time between two listings. */
  readonly looks: number;
  readonly longestGapMs: number;
  readonly processes: readonly Sighting[];
  readonly overlaps: readonly Overlap[];
}

/** A line of `store-changes.jsonl`: a new or changed file of the store, with its content. */
export interface StoreChange {
  readonly seenAt: string;
  /** Relative to the store. */
  readonly path: string;
  /** Identity of the file. A new inode under the same name is a new file. */
  readonly inode: number;
  readonly mtimeMs: number;
  /** Content of claims, parts, manifests (without their files) and progress. */
  readonly content: unknown;
}

/** `campaigns/<id>.json` */
export interface CampaignEnd {
  readonly id: string;
  /** State of the workflow: `COMPLETED`, `FAILED`, or `RUNNING` when it did not end in time. */
  readonly workflow: string;
  /** Answer to the query `status`; null when there was none. */
  readonly status: unknown;
  /** Runs of this id in Temporal, and how each began and ended. */
  readonly runs: readonly { readonly runId: string; readonly status: string; readonly continuedFrom: string | null }[];
}

/** `left.json`: what was left after the end. */
export interface LeftBehind {
  /** Processes of executions, some seconds after the last campaign ended. */
  readonly afterCampaigns: readonly LeftProcess[];
  /** Processes of any kind except Temporal, after the workers ended. */
  readonly afterWorkers: readonly LeftProcess[];
  /** Number of temporary files and folders in the store before the reconciler ran. The checker finds what it leaves. */
  readonly temporariesBefore: number;
  /** Output of the reconciler; null when it did not run. */
  readonly reconciler: string | null;
}

export interface LeftProcess {
  readonly pid: number;
  readonly command: string;
  readonly job: string | null;
}
