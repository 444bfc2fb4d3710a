/** What the soak counts: each must be 0. */
export const VERDICTS = ['lost', 'doubled', 'false failures', 'leaked'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Something that must not be. */
export interface Violation {
  readonly verdict: Verdict;
  /** What was expected and what was found. */
  readonly what: string;
  /** File, stage or process that shows it. */
  readonly where: string;
}

/** Collects violations of one verdict at a time. */
export type Report = (verdict: Verdict, where: string, what: string) => void;
