import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Benchmark,
  type BenchOptions,
  equal,
  type Findings,
  numberText,
  under,
  withoutTarget,
} from './benchmark.ts';
import type { Totals } from './policy-server/server.ts';
import { benchProblems, HASTE, RECIPE, runShard, type ShardRun, withServer } from './support/search-processes.ts';

const SIZES = {
  short: { problems: 32, inFlight: 24, kills: 2 },
  full: { problems: 200, inFlight: 200, kills: 4 },
};
const MOST_LOST_PERCENT = 1;

export const searchKill: Benchmark = {
  name: 'search-kill',
  question: 'What does a search lose to kills?',
  method: `The search program of a pod runs against the bench policy server, as in search-driver, at recipe settings: first to its end, then
again from the start. The second run is killed by SIGKILL at moments that are spread over the time of the first run, and each time it is started
again as the next attempt. Program, protocol, journal, disk and kills are real; the GPU is simulated, and so are its tokens.

Lost tokens are those that the server decoded and no tree counts: the tokens in flight. A kill loses as much in a short search as in a long one,
so the share depends on the length of the run between two kills, and the tokens of a kill are reported too. Without streaming, an answer arrives
as a whole or not at all. So one request is the smallest loss, and it is the unit that the journal keeps.`,

  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-search-kill-'));
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
  const problems = benchProblems(folder, size.problems);
  say(`${size.problems} problems, undisturbed`);
  const whole = await withServer(HASTE, async (server) => {
    const run = await runShard({ ...server, dir: join(folder, 'whole'), problems, config });
    return { result: run.result!, totals: await server.totals() };
  });
  say(`the same, killed ${size.kills} times`);
  const killed = await withServer(HASTE, async (server) => {
    let run: ShardRun | null = null;
    let attempts = 0;
    for (; run?.result === undefined; attempts += 1) {
      // The last attempt runs to its end.
      const killAfterMs = attempts < size.kills ? whole.result.wallMs / (size.kills + 1) : null;
      const shard = { dir: join(folder, 'killed'), problems, config, attempt: attempts, killAfterMs };
      run = await runShard({ ...server, ...shard });
    }
    return { result: run.result, attempts, totals: await server.totals() };
  });
  return findings(whole, killed);
}

type Whole = { result: NonNullable<ShardRun['result']>; totals: Totals };
type Killed = Whole & { attempts: number };

function findings(whole: Whole, killed: Killed): Findings {
  const kills = killed.attempts - 1;
  const { generated, aborted, spanMs, broken } = killed.totals;
  const decoded = generated + aborted;
  const lost = decoded - (killed.result.counts.completionTokens ?? 0);
  const perKill = lost / Math.max(1, kills);
  const tokensPerHour = (whole.totals.generated * 3_600_000) / whole.totals.spanMs;
  return {
    goals: [
      under(`tokens lost to ${kills} kills`, (100 * lost) / decoded, MOST_LOST_PERCENT, '% of those decoded'),
      equal('trees after the kills, by their sha256', killed.result.digest, whole.result.digest),
      equal(
        'tokens of the trees after the kills',
        killed.result.counts.completionTokens,
        whole.result.counts.completionTokens ?? 0,
      ),
      withoutTarget('tokens that a kill loses', numberText(perKill)),
      withoutTarget(
        'share lost with one kill per hour of the simulated GPU',
        `${numberText((100 * perKill) / tokensPerHour)} %`,
      ),
    ],
    tables: [
      {
        title: `${killed.result.counts.problems} problems, ${kills} kills`,
        columns: ['tokens', 'count'],
        rows: [
          ['decoded', decoded],
          ['in the trees', killed.result.counts.completionTokens ?? 0],
          ['of sequences that were cut off', aborted],
          ['of finished sequences in unfinished requests', lost - aborted],
          ['requests that were cut off', broken],
        ],
      },
    ],
    notes: [`In the time of the simulated GPU the killed run took ${numberText(spanMs / 60_000)} min.`],
    data: { whole, killed },
  };
}
