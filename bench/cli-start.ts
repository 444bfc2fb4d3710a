import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { inProject, VENV_PYTHON } from '../config/paths.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { aCampaign, openWorkbench } from '../tests/support/worker.ts';
import { type Benchmark, type Findings, type Goal, numberText, under, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';
import { profileOf, sharesByPackage } from './support/cpu-profile.ts';
import { until } from './support/until.ts';

const PROGRAM = 'bench/cpu_of.py';
const ROUNDS = { short: 7, full: 21 };
const CAMPAIGN = 'shown';
/** CPU time of a command, as a multiple of that of `node -e 0`. */
const LIMITS = { help: 3, status: 8 };
/** CPU time of `orrery status`, as a multiple of that of Temporal's client alone. */
const LIMIT_ABOVE_CLIENT = 1.6;
/** Shares of the profile that are listed. */
const LISTED = 12;

const ORRERY = inProject('cli/orrery.mjs');

export const cliStart: Benchmark = {
  name: 'cli-start',
  question: 'What does it cost to start the command line?',
  method: `CPU time, user and system, of \`orrery --help\` and of \`orrery status\` for a campaign of 19 stages on a real Temporal
server, with the processes that they start. The baseline is \`node -e 0\` under the same Node. All commands take turns, ${ROUNDS.short} times, after a
first round that fills the compile cache; each ratio is the median of the ratios of the rounds.

\`npx\` and \`npm run\` start the pinned Node. In a shell, \`cli/orrery.mjs\` starts under the shell's own Node, and starts the pinned one in a second
process. The floor of \`orrery status\` is Temporal's client: a program that loads it, connects and asks once. It is measured too, with
the same compile cache.`,

  async run({ full, say }) {
    const bench = await openWorkbench();
    const worker = await bench.startWorker();
    try {
      const handle = await bench.client.workflow.start('campaign', {
        taskQueue: 'orrery',
        workflowId: CAMPAIGN,
        args: [aCampaign({ settings: { steps: 100_000, stepMs: 500, only: ['pretrain'] } })],
      });
      const stage = bench.client.workflow.getHandle(`${CAMPAIGN}/pretrain`);
      await until('a stage runs', async () => (await stage.describe().catch(() => null)) && true, 100);
      const commands = commandsFor(bench.address);
      const rounds = full ? ROUNDS.full : ROUNDS.short;
      say(`${Object.keys(commands).length} commands, ${rounds} rounds`);
      const env = { ...process.env, TEMPORAL_ADDRESS: bench.address, ORRERY_STORE: bench.store };
      const words = JSON.stringify(Object.values(commands));
      const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM), String(rounds), words], { env });
      const measured = parseOrRefuse(z.array(z.array(z.number())), JSON.parse(stdout), `what ${PROGRAM} prints`);
      const times = Object.fromEntries(Object.keys(commands).map((name, index) => [name, measured[index] ?? []]));
      say('profiles');
      const profiles = {
        '--help': sharesByPackage(await profileOf([ORRERY, '--help'], env)),
        status: sharesByPackage(await profileOf([ORRERY, 'status', CAMPAIGN], env)),
      };
      await handle.cancel();
      await handle.result().catch(() => undefined);
      return findings(times, profiles);
    } finally {
      await worker.stop();
      await bench.close();
    }
  },
};

/** The commands under each Node, by name. Names with `shell` are missing where the shell has no Node of its own. */
function commandsFor(address: string): Record<string, readonly string[]> {
  const client = [process.execPath, inProject('bench/support/sdk-alone.ts'), address, CAMPAIGN];
  const underNode = (node: string) => ({
    node: [node, '-e', '0'],
    help: [node, ORRERY, '--help'],
    status: [node, ORRERY, 'status', CAMPAIGN],
  });
  const prefixed = (prefix: string, commands: object) =>
    Object.fromEntries(Object.entries(commands).map(([name, words]) => [`${prefix} ${name}`, words]));
  const shell = shellNode();
  return {
    ...prefixed('pinned', underNode(process.execPath)),
    ...(shell === null ? {} : prefixed('shell', underNode(shell))),
    'pinned client': ['env', `NODE_COMPILE_CACHE=${inProject('node_modules/.cache/orrery')}`, ...client],
    'uncached help': ['env', 'NODE_DISABLE_COMPILE_CACHE=1', process.execPath, ORRERY, '--help'],
    'uncached status': ['env', 'NODE_DISABLE_COMPILE_CACHE=1', process.execPath, ORRERY, 'status', CAMPAIGN],
  };
}

/** The first Node on the PATH that is not the pinned one. */
function shellNode(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'node');
    if (existsSync(path) && realpathSync(path) !== realpathSync(process.execPath)) return path;
  }
  return null;
}

type Shares = ReturnType<typeof sharesByPackage>;

function findings(times: Record<string, readonly number[]>, profiles: Record<string, Shares>): Findings {
  const ratioTo = (baseline: string, name: string): number =>
    summarise((times[name] ?? []).map((ms, round) => ms / (times[baseline]?.[round] ?? Number.NaN))).median;
  const nodes = ['pinned', 'shell'].filter((node) => `${node} node` in times);
  const goals: Goal[] = [
    ...nodes.map((node) =>
      under(`--help, ${node} Node`, ratioTo(`${node} node`, `${node} help`), LIMITS.help, 'x node -e 0'),
    ),
    ...(nodes.includes('shell')
      ? [under('status, shell Node', ratioTo('shell node', 'shell status'), LIMITS.status, 'x node -e 0')]
      : []),
    withoutTarget('status, pinned Node', `${numberText(ratioTo('pinned node', 'pinned status'))} x node -e 0`),
    under('status, pinned Node', ratioTo('pinned client', 'pinned status'), LIMIT_ABOVE_CLIENT, "x Temporal's client"),
  ];
  const rows = Object.entries(times).map(([name, ms]) => {
    const { median, min, max } = summarise(ms);
    const baseline = name.startsWith('shell') ? 'shell node' : 'pinned node';
    return [DESCRIPTIONS[name] ?? name, ...[median, min, max, ratioTo(baseline, name)].map(numberText)];
  });
  return {
    goals,
    tables: [
      { title: 'CPU time, in ms', columns: ['what', 'median', 'min', 'max', 'ratio to node -e 0'], rows },
      ...Object.entries(profiles).map(([command, shares]) => ({
        title: `Where the time of \`orrery ${command}\` goes, by the package that runs or is loaded, pinned Node, in %`,
        columns: ['package', 'share'],
        rows: shares.slice(0, LISTED).map(([owner, share]) => [owner, numberText(100 * share)]),
      })),
    ],
    notes: [
      "`node -e 0` costs more or less under different Nodes: see the table. Under the pinned one, Temporal's client alone takes more than 8 x as much, so `status` has no target there but the client.",
      "Most of the CPU time of `orrery status` is that of Temporal's client: it builds the descriptions of all its messages when it is loaded, and a class for each message of its service when it connects.",
    ],
    data: { times, profiles },
  };
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  'pinned node': '`node -e 0`, pinned Node',
  'pinned help': '`orrery --help`, pinned Node',
  'pinned status': '`orrery status`, pinned Node',
  'pinned client': "Temporal's client alone, pinned Node",
  'shell node': '`node -e 0`, the Node of the shell',
  'shell help': '`orrery --help`, the Node of the shell',
  'shell status': '`orrery status`, the Node of the shell',
  'uncached help': '`orrery --help`, pinned Node, no compile cache',
  'uncached status': '`orrery status`, pinned Node, no compile cache',
};
