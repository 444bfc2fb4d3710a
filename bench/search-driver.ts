import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  atLeast,
  type Benchmark,
  type BenchOptions,
  equal,
  type Findings,
  numberText,
  under,
  withoutTarget,
} from './benchmark.ts';
import { SPEED } from './policy-server/engine.ts';
import type { Totals } from './policy-server/server.ts';
import { benchProblems, HASTE, RECIPE, runShard, type ShardRun, withServer } from './support/search-processes.ts';

const SIZES = { short: { problems: 280, inFlight: 256 }, full: { problems: 1000, inFlight: 256 } };
const LEAST_BUSY_PERCENT = 95;
const MOST_GROWTH_BYTES = 2048;

export const searchDriver: Benchmark = {
  name: 'search-driver',
  question: 'Does the search driver keep a policy server busy at recipe settings, and what does that cost?',
  method: `The search program of a pod (stages/search: tree, journal, policy driver, domain math) runs in its own process, against
the bench policy server (bench/policy-server) in another. They use vLLM's completions API over HTTP. Program, protocol, journal, disk and kills
are real. The GPU is simulated, and text and pace follow rules: ${SPEED.slots} slots, a decode step of ${SPEED.stepMs} + ${SPEED.stepMsPerSequence} x running ms, prompts read at
${SPEED.prefillTokensPerMs} tokens a ms where they are not in the prefix cache, steps of 14 tokens and solutions of 5 to 10 steps, a tenth of the
length of real ones.

The server's time passes ${HASTE} times as fast as the clock. So the driver gets ${HASTE} times the requests per second of such a GPU, and has a ${HASTE}th of the
time to keep the server busy. The verifier compares strings, because verdicts are measured elsewhere. The settings are the recipe's (k = 8,
M = 16, 32 iterations), with 1,000 problems and 256 in flight in --full, and 280 problems in the short form.

The busy share is Σ running sequences over time, per slot. It is measured from the first moment with all slots in use to the last, and over the
whole run: from the first request to the last answer, with the time in which the driver's limit finds the size of the server and the time in
which too few problems are left to fill it. Memory is the heap after a collection, at every fourth tree. Its growth is the slope of a line
through the second half of these values.`,

  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-search-driver-'));
    try {
      return await measure(folder, options);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure(folder: string, { full, say }: BenchOptions): Promise<Findings> {
  const size = full ? SIZES.full : SIZES.short;
  const config = { ...RECIPE, problemsInFlight: size.inFlight };
  say(`${size.problems} problems, ${size.inFlight} in flight`);
  const calm = await withServer(HASTE, async (server) => {
    const run = await runShard({
      ...server,
      dir: join(folder, 'calm'),
      problems: benchProblems(folder, size.problems),
      config,
    });
    return { ...run, totals: await server.totals() };
  });
  return findings(calm);
}

function findings(calm: ShardRun & { totals: Totals }): Findings {
  const { result, moments, totals } = calm;
  const { counts, cpuMs, wallMs, requests } = result!;
  const busy = (100 * totals.slotMs) / (SPEED.slots * totals.spanMs);
  const growth = slope(moments.slice(Math.floor(moments.length / 2)).map(({ trees, heap }) => [trees, heap]));
  const steady = (100 * totals.steadySlotMs) / (SPEED.slots * totals.steadyMs);
  const tailMs = totals.spanMs - totals.steadyFromMs - totals.steadyMs;
  const seconds = wallMs / 1000;
  return {
    goals: [
      atLeast('endpoint busy while there is work for all of its slots', steady, LEAST_BUSY_PERCENT, '% of its slots'),
      atLeast('endpoint busy over the whole run', busy, LEAST_BUSY_PERCENT, '% of its slots'),
      under('heap that a finished problem leaves behind', growth, MOST_GROWTH_BYTES, 'bytes'),
      equal('tokens, counted by the trees and by the server', counts.completionTokens, totals.answeredTokens),
      equal('prompt tokens, counted by the trees and by the server', counts.promptTokens, totals.promptTokens),
      equal(
        'requests, counted by the trees, the driver and the server',
        `${counts.requests}, ${requests}`,
        `${totals.answered}, ${totals.requests}`,
      ),
      equal('visits of the roots, and children plus iterations that made none', counts.visits, visitsExpected(counts)),
      withoutTarget('CPU of the driver per request', `${numberText(cpuMs / requests)} ms`),
      withoutTarget('CPU of the server per request', `${numberText(totals.cpuMs / requests)} ms`),
      withoutTarget('requests per second of one core', numberText(requests / (cpuMs / 1000))),
    ],
    tables: [
      {
        title: `${counts.problems} problems at recipe settings in ${numberText(seconds)} s`,
        columns: ['what', 'in all', 'per problem', 'per second'],
        rows: (['requests', 'rollouts', 'nodes', 'visits', 'promptTokens', 'completionTokens'] as const).map((name) => [
          name,
          counts[name] ?? 0,
          numberText((counts[name] ?? 0) / (counts.problems ?? 1)),
          numberText((counts[name] ?? 0) / seconds),
        ]),
      },
      {
        title: 'Memory of the driver by finished trees, in MiB',
        columns: ['trees', 'heap', 'resident'],
        rows: sampled(moments, 8).map(({ trees, heap, resident }) => [trees, mebibytes(heap), mebibytes(resident)]),
      },
    ],
    notes: [
      `${cpus().length} cores ran driver and server side by side. All slots were in use for ${numberText((100 * totals.fullMs) / totals.spanMs)} % of the time, and ${numberText((100 * totals.cachedTokens) / totals.promptTokens)} % of the tokens of prompts came from the prefix cache. In the time of the simulated GPU the run took ${numberText(totals.spanMs / 60_000)} min: ${numberText(totals.steadyFromMs / 1000)} s until the server was full for the first time, ${numberText(tailMs / 1000)} s after it was full for the last.`,
    ],
    data: { ...calm },
  };
}

/**
 * Every child of an expansion is one evaluation, and so is every iteration without an expansion. Each evaluation visits
 * the root once.
 */
function visitsExpected({
  nodes = 0,
  problems = 0,
  iterations = 0,
  expansions = 0,
}: Readonly<Record<string, number>>): number {
  return nodes - problems + iterations - expansions;
}

const mebibytes = (bytes: number): string => numberText(bytes / 2 ** 20);

/** Slope of the least-squares line through points (x, y). */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: 0 | 1) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread;
}

const sampled = <T>(all: readonly T[], wanted: number): T[] =>
  all.filter((_, index) => index === all.length - 1 || index % Math.ceil(all.length / wanted) === 0);
