import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { inProject, VENV_PYTHON } from '../config/paths.ts';
import { type Benchmark, type BenchOptions, type Findings, numberText, withoutTarget } from './benchmark.ts';
import { SPEED } from './policy-server/engine.ts';
import type { Totals } from './policy-server/server.ts';
import { benchProblems, runShard, startServer } from './support/search-processes.ts';

/** Checkout of github.com/maitrix-org/llm-reasoners. */
const CHECKOUT = 'ORRERY_LLM_REASONERS';
const HASTE = 60;
const PROBLEMS = 16;

/** Result of one driver with the server. */
interface Side {
  readonly requests: number;
  readonly nodes: number;
  readonly trees: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly bytesPerNode: number;
  readonly totals: Totals;
}

export const searchBeside: Benchmark = {
  name: 'search-beside',
  question: 'What do a request and a tree cost, compared with a public search driver?',
  method: `The search program of a pod, as in search-driver, and the MCTS of llm-reasoners (github.com/maitrix-org/llm-reasoners, commit f94e5ac)
search the same ${PROBLEMS} problems with k = 8 and M = 16. Each has its own bench policy server, whose time passes ${HASTE} times as fast as the clock.

The two algorithms differ. Theirs is UCT, descends to a terminal in every iteration, and gets our world (bench/support/llm_reasoners_search.py)
with the standard library as its client, which is lighter than its own. So the comparison is between requests and nodes, not between tree
searches. Ours also splits rollouts into steps, checks and journals every answer with fsync, and has three examples in its prompt; theirs does not.
CPU is that of the driver's process without its start; busy is the share of the server's ${SPEED.slots} slots. The checkout is not part of the project:
${CHECKOUT} says where it is, and without it only ours is measured.`,

  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-search-beside-'));
    try {
      return await measure(folder, options);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(folder: string, { say }: BenchOptions): Promise<Findings> {
  const checkout = process.env[CHECKOUT];
  say('ours');
  const ours = await onServer((url) => runOurs(folder, url));
  say(checkout === undefined ? `theirs is left out: ${CHECKOUT} names no checkout` : 'theirs');
  const theirs = checkout === undefined ? null : await onServer((url) => runTheirs(checkout, url));
  const sides = [['ours', ours] as const, ...(theirs === null ? [] : [['llm-reasoners', theirs] as const])];
  return {
    goals: sides.flatMap(([name, side]) => [
      withoutTarget(`${name}: requests per second of one core`, numberText(perCoreSecond(side))),
      withoutTarget(
        `${name}: memory of a tree, at ${numberText(ours.nodes / ours.trees)} nodes`,
        kibibytes(side, ours),
      ),
      withoutTarget(`${name}: busy slots of the server`, `${numberText(busyPercent(side))} %`),
    ]),
    tables: [
      {
        title: 'Comparison of the drivers',
        columns: [
          'driver',
          'requests',
          'nodes',
          'wall s',
          'CPU s',
          'ms of CPU per request',
          'requests per second',
          'bytes per node',
        ],
        rows: sides.map(([name, side]) => [
          ...[name, side.requests, side.nodes],
          ...[side.wallMs / 1000, side.cpuMs / 1000, side.cpuMs / side.requests].map(numberText),
          ...[(1000 * side.requests) / side.wallMs, side.bytesPerNode].map(numberText),
        ]),
      },
    ],
    notes: [
      'llm-reasoners searches one problem at a time and waits for each request; several of its processes could share a server as well. It keeps no journal, so a kill loses all of its work.',
    ],
    data: { ours, theirs },
  };
}

const perCoreSecond = ({ requests, cpuMs }: Side): number => (1000 * requests) / cpuMs;
const busyPercent = ({ totals }: Side): number => (100 * totals.slotMs) / (SPEED.slots * totals.spanMs);
const kibibytes = ({ bytesPerNode }: Side, { nodes, trees }: Side): string =>
  `${numberText((bytesPerNode * nodes) / trees / 1024)} KiB`;

async function onServer(run: (url: string) => Promise<Omit<Side, 'totals'>>): Promise<Side> {
  const server = await startServer(HASTE);
  try {
    return { ...(await run(server.url)), totals: await server.totals() };
  } finally {
    server.stop();
  }
}

async function runOurs(folder: string, url: string): Promise<Omit<Side, 'totals'>> {
  const dir = join(folder, 'ours');
  const config = { problemsInFlight: PROBLEMS };
  const { result } = await runShard({ dir, url, problems: benchProblems(folder, PROBLEMS), config });
  const { counts, requests, wallMs, cpuMs } = result!;
  const memory = await execa(process.execPath, [
    ...['--expose-gc', inProject('bench/support/tree-memory.ts'), join(dir, 'data/trees-00000.jsonl')],
  ]);
  const { bytesPerNode } = JSON.parse(memory.stdout) as { bytesPerNode: number };
  return { requests, nodes: counts.nodes ?? 0, trees: PROBLEMS, wallMs, cpuMs, bytesPerNode };
}

async function runTheirs(checkout: string, url: string): Promise<Omit<Side, 'totals'>> {
  // Their iterations expand every node on the way down, so fewer iterations make as many requests.
  const iterations = 8;
  const script = inProject('bench/support/llm_reasoners_search.py');
  const { stdout } = await execa(VENV_PYTHON, [script, checkout, url, String(PROBLEMS), String(iterations)]);
  return JSON.parse(stdout) as Omit<Side, 'totals'>;
}
