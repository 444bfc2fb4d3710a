/**
 * Runs the benchmarks, prints their results, and writes bench/results/<name>.json and docs/benchmarks.md.
 *
 *     npm run bench
 *     npm run bench -- ettr history
 *     npm run bench -- overhead --full
 */
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { execa } from 'execa';
import { CommandError, EXIT, runMain } from '../config/command-errors.ts';
import { inProject, PROJECT } from '../config/paths.ts';
import { loadNow, thisMachine } from '../dev/machine.ts';
import { setup } from '../dev/setup/setup.ts';
import type { Benchmark, Findings } from './benchmark.ts';
import { BENCHMARKS } from './benchmarks.ts';
import { benchmarkPage, PAGE, section } from './page.ts';
import { type Result, readResults, resultOf, writeResult } from './result.ts';

/** A benchmark that takes longer hangs, and is ended. */
const LONGEST_MS = { short: 10 * 60_000, full: 40 * 60_000 };

await runMain(async () => {
  const names = BENCHMARKS.map(({ name }) => name);
  const command = new Command('npm run bench --')
    .description('Run all benchmarks, or the named ones.')
    .argument('[names...]', names.join(', '))
    .option('--full', 'measure more, for example the whole demo in `overhead`')
    .exitOverride()
    .parse();
  const { full = false } = command.opts<{ full?: true }>();
  const wanted = command.args.length === 0 ? names : command.args;
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new CommandError(
      EXIT.usage,
      `there is no benchmark ${unknown.join(', ')}`,
      `the benchmarks are ${names.join(', ')}`,
    );
  }
  await setup();
  const failed: string[] = [];
  for (const benchmark of BENCHMARKS.filter(({ name }) => wanted.includes(name))) {
    const result = await runBenchmark(benchmark, full).catch((error: Error) => {
      console.error(`orrery: benchmark ${benchmark.name} broke: ${error.message}`);
      failed.push(benchmark.name);
      return null;
    });
    if (result === null) continue;
    writeResult(result);
    console.log(section(result).join('\n'));
  }
  const results = readResults();
  writeFileSync(PAGE, benchmarkPage(names.flatMap((name) => results.get(name) ?? [])));
  return failed.length === 0 ? EXIT.ok : EXIT.failed;
});

/** Runs in its own process, so that one benchmark cannot affect the next. */
async function runBenchmark({ name, question, method }: Benchmark, full: boolean): Promise<Result> {
  console.error(`${name}: ${question}`);
  const before = loadNow();
  const began = performance.now();
  const { stdio } = await execa(process.execPath, [inProject('bench/run-one.ts'), name, ...(full ? ['--full'] : [])], {
    cwd: PROJECT,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    timeout: full ? LONGEST_MS.full : LONGEST_MS.short,
  });
  const seconds = (performance.now() - began) / 1000;
  const circumstances = { ranAt: new Date().toISOString(), seconds, full, machine: thisMachine() };
  const load = { before, after: loadNow() };
  return resultOf({ name, question, method, ...circumstances, load }, JSON.parse(String(stdio[3])) as Findings);
}
