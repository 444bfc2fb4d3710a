/**
 * Runs tiny campaigns under random faults of all kinds. An independent checker then inspects what they leave. Exits
 * with 0 only when nothing was lost, doubled, falsely failed or leaked. See docs/soak.md.
 *
 *     npm run soak -- --faults 200 --seed 1
 *     npm run soak -- --short
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { CommandError, EXIT, runMain } from '../config/command-errors.ts';
import { inProject } from '../config/paths.ts';
import { setup } from '../dev/setup/setup.ts';
import { hasPassed, resultPage } from '../dev/soak/result.ts';
import { runSoak } from '../dev/soak/soak.ts';

/** `--short`: one campaign, which lasts long enough for about ten faults. */
const SHORT = { faults: 10, minutes: 4 };

interface Options {
  readonly faults: number;
  readonly seed: number;
  readonly minutes: number;
  readonly gap?: number;
  readonly short?: true;
  readonly commitResult?: true;
}

await runMain(async () => {
  const options = new Command('npm run soak --')
    .description('Kill everything, again and again, and prove that nothing is lost, doubled, falsely failed or leaked.')
    .option('--faults <number>', 'total number of faults', numberFrom('--faults', 1, 10_000), 50)
    .option('--seed <number>', 'seed of the random draws', numberFrom('--seed', 0, 2 ** 31 - 1), 1)
    .option('--minutes <number>', 'no fault is drawn after this time', numberFrom('--minutes', 1, 24 * 60), 60)
    .option(
      '--gap <seconds>',
      'mean time between two faults (default: a twelfth of the undisturbed run)',
      numberFrom('--gap', 0, 600),
    )
    .option('--short', 'about ten faults in at most four minutes, for CI')
    .option('--commit-result', 'keep the result in dev/soak/results/')
    .exitOverride()
    .parse()
    .opts<Options>();
  await setup();
  const bounds = options.short ? { ...options, ...SHORT } : options;
  const { result, folder } = await runSoak({
    faults: bounds.faults,
    seed: bounds.seed,
    minutes: bounds.minutes,
    gapSeconds: bounds.gap,
    say: (line) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`),
  });
  const page = resultPage(result);
  writeFileSync(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, 'result.md'), page);
  if (options.commitResult) keep(folder, `${result.startedAt.slice(0, 10)}-${result.seed}`);
  console.log(`${page}\nevidence: ${folder}`);
  return hasPassed(result) ? EXIT.ok : EXIT.failed;
});

function keep(folder: string, name: string): void {
  const results = inProject('dev', 'soak', 'results');
  mkdirSync(results, { recursive: true });
  for (const kind of ['json', 'md']) copyFileSync(join(folder, `result.${kind}`), join(results, `${name}.${kind}`));
}

function numberFrom(option: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new CommandError(
      EXIT.usage,
      `${option}: expected a whole number from ${least} to ${most}, but got "${text}"`,
    );
  };
}
