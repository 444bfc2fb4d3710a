import { execa } from 'execa';
import { inProject } from '../config/paths.ts';
import { ensureCluster } from '../tests/support/fake-cluster.ts';
import { type Benchmark, numberText, under, withoutTarget } from './benchmark.ts';
import { type Round, STAGE_SECONDS } from './support/kubernetes-round.ts';

const AT_ONCE = { short: [1, 10], full: [1, 10, 100] } as const;
/** Largest number of requests of a stage: it checks the nodes and creates the Job; a gang has a Service too. */
const REQUESTS_A_STAGE = 2.5;
/** Limit of the memory with this number of campaigns. */
const MANY = 100;
const MEMORY_MIB = 600;

export const kubernetesLoad: Benchmark = {
  name: 'kubernetes-load',
  question: 'How many API requests, and how much memory, does a worker need as the number of campaigns grows?',
  method: `${AT_ONCE.short.join(', ')} campaigns (with --full ${AT_ONCE.full.join(', ')}) of one arm run at the same time. Each round has a new process, namespace, Temporal
server, worker and store, on the project's Kubernetes cluster. Pods are on fake nodes (KWOK); a simulation in another process plays their
programs for ${STAGE_SECONDS} s each. Requests are counted in the worker's own client. Watches are the most that it had open at a time. Memory is that of the
worker's process, which does nothing else except the benchmark's own waiting: the largest resident size, and the heap after a garbage collection
at the end.`,

  async run({ full, say }) {
    const kubeconfig = await ensureCluster(say);
    const rounds: Round[] = [];
    for (const campaigns of full ? AT_ONCE.full : AT_ONCE.short) {
      say(`${campaigns} at once`);
      rounds.push(await runRound(kubeconfig, campaigns));
    }
    return findings(rounds);
  },
};

/** Runs in its own process, so that the memory of one round does not count in the next. */
async function runRound(kubeconfig: string, campaigns: number): Promise<Round> {
  const args = ['--expose-gc', inProject('bench/support/kubernetes-round.ts'), kubeconfig, String(campaigns)];
  const { stdio } = await execa(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  return JSON.parse(String(stdio[3])) as Round;
}

function findings(rounds: readonly Round[]): Awaited<ReturnType<Benchmark['run']>> {
  const perStage = ({ requests, stages }: Round): number => requestsIn(requests) / stages;
  const most = Math.max(...rounds.map(perStage));
  const first = rounds[0] as Round;
  const last = rounds.at(-1) as Round;
  const verbs = [...new Set(rounds.flatMap(({ requests }) => Object.keys(requests)))].toSorted();
  return {
    goals: [
      under('requests per stage, at most', most, REQUESTS_A_STAGE, 'requests'),
      {
        what: 'open watches of a worker do not grow with the number of campaigns',
        target: `${first.watches}, as with ${first.campaigns}`,
        measured: `${last.watches} with ${last.campaigns}`,
        met: last.watches <= first.watches,
      },
      ...(last.campaigns === MANY
        ? [under(`memory of the worker’s process with ${MANY} campaigns`, last.rssMiB, MEMORY_MIB, 'MiB')]
        : []),
      withoutTarget(
        `memory of the worker’s process from ${first.campaigns} to ${last.campaigns} campaigns`,
        `${numberText(first.rssMiB)} → ${numberText(last.rssMiB)} MiB, heap ${numberText(first.heapMiB)} → ${numberText(last.heapMiB)} MiB`,
      ),
    ],
    tables: [
      {
        title: 'By number of concurrent campaigns',
        columns: [
          'campaigns',
          'stages',
          'seconds',
          'requests',
          'per stage',
          'watches',
          'RSS idle, MiB',
          'RSS max, MiB',
          'heap, MiB',
        ],
        rows: rounds.map((round) => {
          const requests = requestsIn(round.requests);
          const { campaigns, stages, seconds, watches, idleMiB, rssMiB, heapMiB } = round;
          return [
            ...[campaigns, stages, numberText(seconds), requests, numberText(perStage(round)), watches],
            ...[numberText(idleMiB), numberText(rssMiB), numberText(heapMiB)],
          ];
        }),
      },
      {
        title: 'Requests per stage, by kind',
        columns: ['request', ...rounds.map(({ campaigns }) => `with ${campaigns}`)],
        rows: verbs.map((verb) => [
          verb,
          ...rounds.map(({ requests, stages }) => numberText((requests[verb] ?? 0) / stages)),
        ]),
      },
    ],
    notes: [
      'The worker lists the nodes for its check before each stage (`checkRoom`). The executor makes the other requests.',
      'The server closes a watch every four to six minutes, and the worker opens it again. The rows of WATCH count each opening.',
    ],
    data: rounds,
  };
}

/** All requests except watches. */
const requestsIn = (requests: Readonly<Record<string, number>>): number =>
  Object.entries(requests).reduce((sum, [verb, count]) => (verb.startsWith('WATCH') ? sum : sum + count), 0);
