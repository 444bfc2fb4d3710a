import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchV1Api, KubeConfig } from '@kubernetes/client-node';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { inProject } from '../config/paths.ts';
import { createKubeClient } from '../k8s/index.ts';
import { type Benchmark, numberText, under } from './benchmark.ts';
import { summarise } from './statistics.ts';

const ROUNDS = 6;
const REQUESTS = 20;
/** Largest cost of a request of the worker, relative to the library alone. */
const RATIO = 0.5;

type Send = () => Promise<unknown>;
interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export const kubernetesConnections: Benchmark = {
  name: 'kubernetes-connections',
  question:
    'What does a request to the API server cost, with connections that are kept, and with the client library alone?',
  method: `${ROUNDS} rounds of ${REQUESTS} requests for a Job, one after the other: with the worker's client, and with the client library alone, which opens a
connection for each request. The two take turns, so that other load of the machine affects both. The server is a small https server of Node on the
loopback interface, in its own process. Its answers cost next to nothing, so the difference is that of the connections. The first round of each is
not counted. CPU is that of the client's process.`,

  async run({ say }) {
    const server = execa(process.execPath, [inProject('bench/support/https-api.ts')], {
      stdin: 'pipe',
      stderr: 'inherit',
      reject: false,
    });
    const folder = mkdtempSync(join(tmpdir(), 'orrery-connections-'));
    try {
      const [line] = (await once(server.stdout, 'data')) as [Buffer];
      const { origin, caFile } = JSON.parse(String(line)) as { origin: string; caFile: string };
      process.env.KUBECONFIG = kubeconfigIn(folder, origin, caFile);
      const config = new KubeConfig();
      config.loadFromDefault();
      const library = config.makeApiClient(BatchV1Api);
      await using client = createKubeClient('lab');
      const costs: { kept: Cost[]; alone: Cost[] } = { kept: [], alone: [] };
      for (let round = 0; round <= ROUNDS; round += 1) {
        say(round === 0 ? 'a round to warm up' : `round ${round} of ${ROUNDS}`);
        const kept = await costsOf(() => client.getJob('one'));
        const alone = await costsOf(() => library.readNamespacedJob({ namespace: 'lab', name: 'one' }));
        if (round === 0) continue;
        costs.kept.push(...kept);
        costs.alone.push(...alone);
      }
      return findings(costs.kept, costs.alone);
    } finally {
      server.stdin.end();
      await server;
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function kubeconfigIn(folder: string, server: string, caFile: string): string {
  const path = join(folder, 'kubeconfig');
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'here', cluster: { server, 'certificate-authority': caFile } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'worker' } }],
    users: [{ name: 'worker', user: { token: 'of-a-benchmark' } }],
  };
  writeFileSync(path, stringify(content));
  return path;
}

async function costsOf(send: Send): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (let number = 0; number < REQUESTS; number += 1) {
    const [began, cpu] = [performance.now(), process.cpuUsage()];
    await send();
    const { user, system } = process.cpuUsage(cpu);
    costs.push({ wallMs: performance.now() - began, cpuMs: (user + system) / 1000 });
  }
  return costs;
}

function findings(kept: readonly Cost[], alone: readonly Cost[]): Awaited<ReturnType<Benchmark['run']>> {
  const wall = (costs: readonly Cost[]) => summarise(costs.map(({ wallMs }) => wallMs));
  const cpu = (costs: readonly Cost[]) => summarise(costs.map(({ cpuMs }) => cpuMs));
  const row = (name: string, costs: readonly Cost[]) => {
    const { n, median, p95 } = wall(costs);
    return [name, n, numberText(median), numberText(p95), numberText(cpu(costs).median)];
  };
  return {
    goals: [
      under(
        'time of a request with kept connections, relative to the library alone',
        wall(kept).median / wall(alone).median,
        RATIO,
        'times',
      ),
      under(
        'CPU of a request with kept connections, relative to the library alone',
        cpu(kept).median / cpu(alone).median,
        RATIO,
        'times',
      ),
    ],
    tables: [
      {
        title: 'One request, in ms',
        columns: ['connections', 'requests', 'median', 'p95', 'CPU, median'],
        rows: [row('kept', kept), row('one for each request', alone)],
      },
    ],
    notes: ['On a network each connection also costs two round trips more: one for TCP, one for TLS 1.3.'],
    data: { kept, alone },
  };
}
