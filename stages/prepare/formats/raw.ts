import { StageExit } from '../../runtime/exits.ts';

/** One record of a file, and where it stands in it, for a person to look: `line 12`, `record 3`. */
export interface RawRecord {
  readonly at: string;
  readonly value: unknown;
}

/** Characters of a record; *ours*. More is no record: a quote that is never closed, a file without lines. */
export const LARGEST_RECORD = 1 << 26;

/** What is wrong with a file as a whole. */
export const badFile = (path: string, line: number | null, what: string, cause?: unknown): StageExit =>
  new StageExit('InvalidInput', `${line === null ? path : `${path}:${line}`}: ${what}`, { cause });
