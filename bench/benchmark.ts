/** A benchmark: one file that asks one question about orrery, and states the target before it measures. */
export interface Benchmark {
  /** Name of its file, of its result and of its argument for `npm run bench`. */
  readonly name: string;
  readonly question: string;
  /** How it is measured, and which parts are real and which are simulated. */
  readonly method: string;
  run(options: BenchOptions): Promise<Findings>;
}

export interface BenchOptions {
  /** Larger sizes: for example the whole demo instead of its shortest form. */
  readonly full: boolean;
  /** Prints what is running, for a person. */
  readonly say: (what: string) => void;
}

export interface Findings {
  readonly goals: readonly Goal[];
  readonly tables: readonly Table[];
  /** What a reader must know to understand the numbers. */
  readonly notes: readonly string[];
  /** All raw measurements. */
  readonly data: unknown;
}

/** One measured value, and its target if there is one. */
export interface Goal {
  readonly what: string;
  readonly target: string | null;
  readonly measured: string;
  /** Null without a target. */
  readonly met: boolean | null;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export type Verdict = 'met' | 'not met' | 'no target';

/** A benchmark is met only if every goal that has a target is met. */
export function verdictOf(goals: readonly Goal[]): Verdict {
  if (goals.some(({ met }) => met === false)) return 'not met';
  return goals.some(({ met }) => met === true) ? 'met' : 'no target';
}

/** A goal whose value must stay under a limit. */
export function under(what: string, measured: number, limit: number, unit: string): Goal {
  return {
    what,
    target: `under ${numberText(limit)} ${unit}`,
    measured: `${numberText(measured)} ${unit}`,
    met: measured < limit,
  };
}

/** A goal whose value must reach a limit. */
export function atLeast(what: string, measured: number, limit: number, unit: string): Goal {
  return {
    what,
    target: `${numberText(limit)} ${unit} or more`,
    measured: `${numberText(measured)} ${unit}`,
    met: measured >= limit,
  };
}

/** A goal whose two values must be equal. */
export const equal = (what: string, ours: number | string | undefined, theirs: number | string): Goal => ({
  what,
  target: 'equal',
  met: String(ours) === String(theirs),
  measured: String(ours) === String(theirs) ? shortened(String(ours)) : `${ours} and ${theirs}`,
});
const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 16)}...` : text);

export const withoutTarget = (what: string, measured: string): Goal => ({ what, target: null, measured, met: null });

/** Three significant digits, or a whole number from 100 on. `NaN` and infinity are printed as such. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
