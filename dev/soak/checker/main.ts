/**
 * Checks a round again: `node dev/soak/checker/main.ts <round>/evidence [store]`. Name the store when it has moved
 * since the round. Exits with 1 when there is a violation.
 */
import { checkRound } from './check.ts';

const [folder, store] = process.argv.slice(2);
if (folder === undefined)
  throw new Error('expected a folder of evidence: node dev/soak/checker/main.ts <folder> [store]');
const { violations, ...rest } = await checkRound(folder, store);
console.log(JSON.stringify(rest));
for (const { verdict, where, what } of violations) console.log(`${verdict}: ${where}: ${what}`);
process.exitCode = violations.length === 0 ? 0 : 1;
