import { StageExit } from '../../runtime/exits.ts';

/** One record of a file, and its position for a person: `line 12`, `record 3`. */
export interface RawRecord {
  readonly at: string;
  readonly value: unknown;
}

/** Most characters of a record; *ours*. A longer one is a mistake, such as an open quote or a file without lines. */
export const LARGEST_RECORD = 1 << 26;

/** The error for a file that is wrong as a whole. */
export const badFile = (path: string, line: number | null, what: string, cause?: unknown): StageExit =>
  new StageExit('InvalidInput', `${line === null ? path : `${path}:${line}`}: ${what}`, { cause });
