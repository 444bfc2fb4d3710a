/** Kinds of violations. The soak passes only when there is none of any kind. */
export const VERDICTS = ['lost', 'doubled', 'false failures', 'leaked'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** A broken guarantee. */
export interface Violation {
  readonly verdict: Verdict;
  /** What was expected and what was found. */
  readonly what: string;
  /** The file, stage or process concerned. */
  readonly where: string;
}

/** Records one violation. */
export type Report = (verdict: Verdict, where: string, what: string) => void;
