import { configDefaults, defineConfig } from 'vitest/config';
import { forgetThePerson } from './tests/support/environment.ts';

/** Tests that kill, hang, fill and cut for minutes: `npm test -- --faults`. */
const FAULTS = 'tests/faults/**/*.test.ts';
/** Tests on a real Kubernetes cluster: `npm run test:cluster`. */
const CLUSTER = 'tests/cluster/**/*.test.ts';
const faults = process.env.ORRERY_TEST_FAULTS === '1' || process.argv.some((arg) => arg.includes('tests/faults'));
const cluster = process.env.ORRERY_TEST_CLUSTER === '1';
const chosen = cluster ? [CLUSTER] : faults ? [FAULTS] : ['tests/**/*.test.ts'];
// The cluster is the person's own: where it is, and what it is built from.
if (!cluster) forgetThePerson();
const others = [FAULTS, CLUSTER].filter((pattern) => !chosen.includes(pattern));

export default defineConfig({
  test: {
    include: chosen,
    exclude: [...configDefaults.exclude, ...others],
    // Programs of the project start Python and Temporal themselves: more workers than cores only make them wait for
    // each other. Tests on the cluster stop parts of it that all of them need.
    maxWorkers: cluster ? 1 : 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
