import { configDefaults, defineConfig } from 'vitest/config';

/** Tests that kill, hang, fill and cut for minutes: `npm test -- --faults`. */
const FAULTS = 'tests/faults/**/*.test.ts';
const faults = process.env.ORRERY_TEST_FAULTS === '1' || process.argv.some((arg) => arg.includes('tests/faults'));

export default defineConfig({
  test: {
    include: faults ? [FAULTS] : ['tests/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(faults ? [] : [FAULTS])],
    // Programs of the project start Python and Temporal themselves: more workers than cores only make them wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
