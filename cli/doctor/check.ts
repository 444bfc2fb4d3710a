/** One thing that the doctor looks at. */
export interface Check {
  readonly name: string;
  /** What was found, in a few words. */
  readonly found: string;
  readonly state: 'ok' | 'missing' | 'optional';
  /** What mends it, where it is not ok. */
  readonly remedy: string | null;
}

export const ok = (name: string, found: string): Check => ({ name, found, state: 'ok', remedy: null });
export const missing = (name: string, found: string, remedy: string): Check => ({
  name,
  found,
  state: 'missing',
  remedy,
});
/** Not there, and most can do without it. */
export const optional = (name: string, found: string, remedy: string): Check => ({
  name,
  found,
  state: 'optional',
  remedy,
});

const SIGNS = { ok: '✔', missing: '✘', optional: '○' } as const;

/** The examination as lines, the remedy under what it mends. */
export function checkLines(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, found, state, remedy }) => [
    `${SIGNS[state]} ${name.padEnd(width)}  ${found}`,
    ...(remedy === null ? [] : [`  ${' '.repeat(width)}  → ${remedy}`]),
  ]);
}
