import type { Verdict } from './violations.ts';

/**
 * What a round of the soak leaves behind for the checker, as JSON files in one folder. Types only: the checker shares them with who writes
 * them, and no code.
 *
 * ```
 * round.json                  Round
 * faults.jsonl                FaultRecord, one a line, in the order of their ends
 * sightings.json              Sightings
 * store-changes.jsonl         StoreChange, one a line
 * campaigns/<id>.json         CampaignEnd
 * histories/<id>/<run>.json   history of one run of a workflow, as `temporal workflow show --output json` prints it; `/` of the id as `~`
 * left.json                   LeftBehind
 * ```
 *
 * All times are ISO 8601 in UTC, of the one machine that the runner is on.
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
  /** Workflow ids; the first is the one that the faults are meant for. */
  readonly campaigns: readonly string[];
  /** Folder of the store, as it lies when the checker looks. */
  readonly store: string;
  readonly startedAt: string;
  readonly endedAt: string;
  /** Digest of every stage's outputs in the undisturbed run, by stage name; null for that run itself. */
  readonly reference: Readonly<Record<string, { readonly key: string; readonly digest: string }>> | null;
}

/** A part of an execution that a fault was meant for. */
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
  /** In words, what it was done to. */
  readonly target: string;
  /** In words, what was seen to follow. */
  readonly seen: string;
  /** Executions that it struck. */
  readonly hits: readonly Hit[];
  /** Failure classes that orrery may find in an execution that was struck. Empty: a fault that no execution may be seen to fail by. */
  readonly explains: readonly string[];
  /** Whether it struck every execution that lived between `at` and `endedAt` (a full disk). */
  readonly strikesAll: boolean;
  /** Checkpoints that it has made unreadable. */
  readonly checkpointsDamaged: number;
  /** Key of a finished stage whose manifest it has replaced. It may be made again, to what it was, until `endedAt`. */
  readonly swapped: string | null;
  /** Who is struck is asked to stop, and saves first. */
  readonly graceful: boolean;
  /** What must not have been, if it was: a pause that left processes, a second campaign of one id. */
  readonly wrong: { readonly verdict: Verdict; readonly what: string } | null;
}

/** A process of an execution, as the runner saw it. `main`: the stage's program in that part. */
export interface Sighting {
  readonly pid: number;
  /** Tells it from a later process of the same pid. */
  readonly start: string;
  readonly role: 'main' | 'policy-server' | 'other';
  readonly job: string;
  readonly campaign: string | null;
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Started by the soak itself, out of an attempt that had been given up. */
  readonly zombie: boolean;
}

/** Two processes that were alive at the same moment and should not have been. */
export interface Overlap {
  readonly at: string;
  readonly why: string;
  readonly one: Sighting;
  readonly other: Sighting;
}

/** `sightings.json` */
export interface Sightings {
  /** How often the runner looked, and the longest time between two looks. */
  readonly looks: number;
  readonly longestGapMs: number;
  readonly processes: readonly Sighting[];
  readonly overlaps: readonly Overlap[];
}

/** A line of `store-changes.jsonl`: a file of the store that the runner found new or changed, with what it said. */
export interface StoreChange {
  readonly seenAt: string;
  /** Relative to the store. */
  readonly path: string;
  /** Identity of the file: another inode under the same name is another file. */
  readonly inode: number;
  readonly mtimeMs: number;
  /** Content of claims, parts, manifests (without their files) and progress. */
  readonly content: unknown;
}

/** `campaigns/<id>.json` */
export interface CampaignEnd {
  readonly id: string;
  /** Of the workflow: `COMPLETED`, `FAILED`, `RUNNING` where it did not end in time. */
  readonly workflow: string;
  /** Answer of the query `status`; null where nobody answered. */
  readonly status: unknown;
  /** Runs that Temporal knows of this id, and how each began and ended. */
  readonly runs: readonly { readonly runId: string; readonly status: string; readonly continuedFrom: string | null }[];
}

/** `left.json`: what was still there after the end. */
export interface LeftBehind {
  /** Of executions, some seconds after the last campaign had ended. */
  readonly afterCampaigns: readonly LeftProcess[];
  /** Of any kind but Temporal, after the workers had been asked to end. */
  readonly afterWorkers: readonly LeftProcess[];
  /** Temporary files and folders in the store before the reconciler was asked to clean it up; what it leaves, the checker finds. */
  readonly temporariesBefore: number;
  /** What the reconciler said; null where it was not asked. */
  readonly reconciler: string | null;
}

export interface LeftProcess {
  readonly pid: number;
  readonly command: string;
  readonly job: string | null;
}
