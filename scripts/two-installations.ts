/**
 * Runs the demo in two clones of the project at the same time, beside `npm test` in this one. Each must complete with a
 * Temporal server of its own and with only its own campaign in its store. It takes long, so a person runs it by hand.
 * The result goes to dev/soak/results/.
 *
 *     node scripts/bootstrap.mjs two-installations [--short] [--no-tests]
 */
import { createWriteStream, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { execa } from 'execa';
import { EXIT, runMain } from '../config/command-errors.ts';
import { inProject, PROJECT } from '../config/paths.ts';
import { rememberedServer } from '../config/remembered.ts';
import { loadNow, machineText, thisMachine } from '../dev/machine.ts';
import { tableOf } from '../dev/markdown.ts';
import { secondClone } from '../dev/second-clone.ts';
import { setup } from '../dev/setup/setup.ts';

interface Row {
  readonly what: string;
  readonly exitCode: number | null;
  readonly minutes: number;
  /** Address and task queue of its Temporal server. */
  readonly place: string;
  /** Campaigns in its store. */
  readonly campaigns: readonly string[];
}

/** Without the variables of this shell, so that each clone chooses its own ports and queue. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TEMPORAL|ORRERY)_/.test(name)));

await runMain(async () => {
  const { short, tests } = new Command('two-installations')
    .description('Run two demos and the tests at the same time, each until it completes.')
    .option('--short', 'the shortest campaign')
    .option('--no-tests', 'only the demos')
    .exitOverride()
    .parse()
    .opts<{ short?: true; tests: boolean }>();
  await setup();
  const startedAt = new Date().toISOString();
  const load = loadNow();
  const demos = ['first', 'second'].map((name) => demo(name, short ? ['--short'] : []));
  const rows = await Promise.all([...demos, ...(tests ? [run('npm test', PROJECT, ['test'])] : [])]);
  const failures = failuresOf(rows);
  const name = `two-installations-${startedAt.slice(0, 10)}`;
  const page = pageOf(
    rows,
    failures,
    `${machineText(thisMachine())}; load ${load} before, ${loadNow()} after`,
    startedAt,
  );
  mkdirSync(inProject('dev', 'soak', 'results'), { recursive: true });
  writeFileSync(inProject('dev', 'soak', 'results', `${name}.md`), page);
  console.log(page);
  return failures.length === 0 ? EXIT.ok : EXIT.failed;
});

/** Runs the demo in a new clone. The clone is removed when the demo completes. */
async function demo(name: string, args: readonly string[]): Promise<Row> {
  const clone = secondClone();
  const row = await run(`demo in the ${name} clone`, clone, ['demo', ...args]);
  const server = rememberedServer(join(clone, '.orrery', 'connection.json'));
  const store = join(clone, '.orrery', 'store', 'campaigns');
  const found = {
    place: server === null ? 'none' : `localhost:${server.port}, task queue ${server.taskQueue}`,
    campaigns: existsSync(store) ? readdirSync(store) : [],
  };
  if (row.exitCode === 0) rmSync(clone, { recursive: true, force: true });
  else console.error(`orrery: the ${name} clone is kept in ${clone}`);
  return { ...row, ...found };
}

/** Runs a command of the project in a clone. Its output goes to a file under .orrery/. */
async function run(what: string, cwd: string, args: readonly string[]): Promise<Row> {
  const began = performance.now();
  mkdirSync(inProject('.orrery', 'logs'), { recursive: true });
  const log = createWriteStream(inProject('.orrery', 'logs', `${what.replaceAll(' ', '-')}.log`));
  const child = execa(process.execPath, ['scripts/bootstrap.mjs', ...args], {
    cwd,
    env,
    extendEnv: false,
    reject: false,
    all: true,
    stdin: 'ignore',
    buffer: false,
  });
  child.all.pipe(log);
  const { exitCode } = await child;
  const minutes = (performance.now() - began) / 60_000;
  return { what, exitCode: exitCode ?? null, minutes, place: 'its own', campaigns: [] };
}

/** The violated requirements as lines. Pure. */
function failuresOf(rows: readonly Row[]): string[] {
  const demos = rows.filter(({ what }) => what.startsWith('demo'));
  return [
    ...rows.flatMap(({ what, exitCode }) => (exitCode === 0 ? [] : [`${what} ended with ${exitCode}`])),
    ...(new Set(demos.map(({ place }) => place)).size === demos.length ? [] : ['the demos shared a Temporal']),
    ...demos.flatMap(({ what, campaigns }) =>
      campaigns.length === 1
        ? []
        : [`${what} left ${campaigns.length} campaigns in its store: ${campaigns.join(', ')}`],
    ),
  ];
}

function pageOf(rows: readonly Row[], failures: readonly string[], machine: string, startedAt: string): string {
  return [
    '# Two installations and the tests at once',
    '',
    `${startedAt}, \`node scripts/bootstrap.mjs two-installations\`. ${machine}.`,
    '',
    tableOf(
      ['what', 'exit code', 'minutes', 'Temporal', 'campaigns in its store'],
      rows.map(({ what, exitCode, minutes, place, campaigns }) => [
        ...[what, exitCode ?? 'none', minutes.toFixed(1), place, campaigns.join(', ')],
      ]),
    ),
    '',
    failures.length === 0
      ? 'Each run completed, and none touched the data of another.'
      : failures.map((one) => `- ${one}`).join('\n'),
    '',
  ].join('\n');
}
