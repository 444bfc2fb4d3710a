/** One check of `doctor`. */
export interface Check {
  readonly name: string;
  /** What the check found, in a few words. */
  readonly found: string;
  readonly state: 'ok' | 'missing' | 'optional';
  /** How to fix it; null when the state is `ok`. */
  readonly remedy: string | null;
}

export const ok = (name: string, found: string): Check => ({ name, found, state: 'ok', remedy: null });
export const missing = (name: string, found: string, remedy: string): Check => ({
  name,
  found,
  state: 'missing',
  remedy,
});
/** Absent, and most people do not need it. */
export const optional = (name: string, found: string, remedy: string): Check => ({
  name,
  found,
  state: 'optional',
  remedy,
});

const SIGNS = { ok: '✔', missing: '✘', optional: '○' } as const;

/** The checks as lines. A remedy follows its check on a line of its own. */
export function checkLines(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, found, state, remedy }) => [
    `${SIGNS[state]} ${name.padEnd(width)}  ${found}`,
    ...(remedy === null ? [] : [`  ${' '.repeat(width)}  → ${remedy}`]),
  ]);
}
