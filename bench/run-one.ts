/**
 * Runs one benchmark and prints its findings as JSON on the third file descriptor:
 * `node bench/run-one.ts NAME [--full] 3>findings.json`.
 */
import { writeSync } from 'node:fs';
import { BENCHMARKS } from './benchmarks.ts';

const [name, ...flags] = process.argv.slice(2);
const benchmark = BENCHMARKS.find((one) => one.name === name);
if (benchmark === undefined) throw new Error(`there is no benchmark ${name}`);
const findings = await benchmark.run({ full: flags.includes('--full'), say: (what) => console.error(`  ${what}`) });
writeSync(3, JSON.stringify(findings));
process.exit(0); // A benchmark may leave handles open.
