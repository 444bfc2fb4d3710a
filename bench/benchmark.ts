/** A benchmark: one file that asks one question of orrery, and says what answer is wanted before it looks. */
export interface Benchmark {
  /** Names its file, its result and its argument of `npm run bench`. */
  readonly name: string;
  readonly question: string;
  /** How it is measured, what is real in it and what is simulated. */
  readonly method: string;
  run(options: BenchOptions): Promise<Findings>;
}

export interface BenchOptions {
  /** More of everything: the whole demo in place of its shortest form. */
  readonly full: boolean;
  /** Tells a person what is under way. */
  readonly say: (what: string) => void;
}

export interface Findings {
  readonly goals: readonly Goal[];
  readonly tables: readonly Table[];
  /** What a reader has to know to read the numbers rightly. */
  readonly notes: readonly string[];
  /** Everything that was measured, for who wants to look again. */
  readonly data: unknown;
}

/** One thing that was wanted. A goal without a target is told as it fell. */
export interface Goal {
  readonly what: string;
  readonly target: string | null;
  readonly measured: string;
  /** Null where there is no target. */
  readonly met: boolean | null;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export type Verdict = 'met' | 'not met' | 'as it fell';

/** One goal that is missed is a benchmark that is not met. */
export function verdictOf(goals: readonly Goal[]): Verdict {
  if (goals.some(({ met }) => met === false)) return 'not met';
  return goals.some(({ met }) => met === true) ? 'met' : 'as it fell';
}

/** A goal whose measure has to stay under a limit. */
export function under(what: string, measured: number, limit: number, unit: string): Goal {
  return {
    what,
    target: `under ${numberText(limit)} ${unit}`,
    measured: `${numberText(measured)} ${unit}`,
    met: measured < limit,
  };
}

/** A goal whose measure has to reach a limit. */
export function atLeast(what: string, measured: number, limit: number, unit: string): Goal {
  return {
    what,
    target: `${numberText(limit)} ${unit} or more`,
    measured: `${numberText(measured)} ${unit}`,
    met: measured >= limit,
  };
}

/** A goal whose two measures have to be the same. */
export const equal = (what: string, ours: number | string | undefined, theirs: number | string): Goal => ({
  ...{ what, target: 'equal', met: String(ours) === String(theirs) },
  measured: String(ours) === String(theirs) ? shortened(String(ours)) : `${ours} and ${theirs}`,
});
const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 16)}...` : text);

export const asItFell = (what: string, measured: string): Goal => ({ what, target: null, measured, met: null });

/** Three digits that count, as people read them; a number that is no number is told as such. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
