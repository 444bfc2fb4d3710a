import { StageExit } from '../../exits.ts';

/** One record of a file, and where it stands in it, for a person to look: `line 12`, `record 3`. */
export interface RawRecord {
  readonly at: string;
  readonly value: unknown;
}

/** What is wrong with a file as a whole. */
export const badFile = (path: string, line: number | null, what: string, cause?: unknown): StageExit =>
  new StageExit('InvalidInput', `${line === null ? path : `${path}:${line}`}: ${what}`, { cause });
