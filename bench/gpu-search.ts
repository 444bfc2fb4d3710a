/**
 * The stage `search` against a real model on a real card: its driver, the policy server, the verifier. Run it by hand
 * on a machine with a GPU. It also runs on a CPU, and says so:
 *
 *     node bench/gpu-search.ts --model DIR [--python python3] [--seconds 90] [--rows 512] [--out FILE.md]
 *
 * It stops after some seconds, as a preemption would. It counts the server's own tokens between the first answer and
 * the stop.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import getPort from 'get-port';
import { tableOf } from '../dev/markdown.ts';
import { FILES, Progress } from '../spec/index.ts';
import { progressPath } from '../store/index.ts';
import { startStage } from '../tests/support/stage-process.ts';
import { finishedStage, plannedStage } from '../tests/support/stored-stage.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    model: { type: 'string' },
    python: { type: 'string', default: join(PROJECT, '.venv/bin/python') },
    seconds: { type: 'string', default: '90' },
    rows: { type: 'string', default: '512' },
    'in-flight': { type: 'string', default: '64' },
    candidates: { type: 'string', default: '8' },
    rollouts: { type: 'string', default: '16' },
    'cache-mib': { type: 'string', default: '4096' },
    out: { type: 'string' },
  },
});
if (options.model === undefined) throw new Error('--model: expected the folder of a model in Hugging Face layout');
const { model, python } = options;
const [seconds, rows, inFlight] = [options.seconds, options.rows, options['in-flight']].map(Number) as [
  number,
  number,
  number,
];
const CONFIG = {
  candidates: Number(options.candidates),
  rollouts: Number(options.rollouts),
  iterations: 32,
  maxStepTokens: 128,
  maxRolloutTokens: 256,
  problemsInFlight: inFlight,
  leavesInFlight: 1,
};

/** One sample. Tokens are totals since the server started. */
interface Moment {
  readonly atMs: number;
  readonly running: number;
  readonly waiting: number;
  readonly generated: number;
  readonly read: number;
  /** Share of the last interval in which a kernel ran, as `nvidia-smi` reports it; null without a GPU. */
  readonly busy: number | null;
}

const store = mkdtempSync(join(tmpdir(), 'orrery-gpu-'));

async function measure(port: number, loadedMs: number): Promise<void> {
  const { dir, path } = await planned();
  const url = `http://127.0.0.1:${port}`;
  const stage = startStage(path, {
    store,
    policyUrl: url,
    logFile: join(store, 'stage.log'),
    env: { ORRERY_PYTHON: python, ORRERY_DOMAINS: join(PROJECT, 'domains'), NODE_COMPILE_CACHE: undefined },
  });
  const moments: Moment[] = [];
  const began = await metricsOf(url);
  let over = false;
  stage.ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + (seconds + 60) * 1000;
  const usage = cpuSeconds(stage.child.pid);
  while (!over && performance.now() < deadline) {
    const { running, waiting, generated, read } = await metricsOf(url);
    if (generated > began.generated)
      moments.push({ atMs: performance.now(), running, waiting, generated, read, busy: gpuBusy() });
    if (moments.length > 1 && moments.at(-1)!.atMs - moments[0]!.atMs >= seconds * 1000) break;
    await sleep(500);
  }
  const driverCpu = cpuSeconds(stage.child.pid) - usage;
  stage.child.kill('SIGTERM');
  const { code } = await stage.ended;
  if (moments.length < 2)
    throw new Error(`the search gave no tokens; exit code ${code}: ${tail(join(store, 'stage.log'))}`);
  const progress = Progress.parse(JSON.parse(readFileSync(progressPath(dir, 0), 'utf8')));
  const page = pageOf(moments, progress.metrics, { loadedMs, driverCpu, code });
  console.log(page);
  if (options.out !== undefined) writeFileSync(options.out, page);
}

function pageOf(
  moments: readonly Moment[],
  metrics: Readonly<Record<string, number>>,
  { loadedMs, driverCpu, code }: { loadedMs: number; driverCpu: number; code: number | null },
): string {
  const [first, last] = [moments[0]!, moments.at(-1)!];
  const took = (last.atMs - first.atMs) / 1000;
  const mean = (of: (moment: Moment) => number) =>
    moments.reduce((sum, moment) => sum + of(moment), 0) / moments.length;
  const card = gpuName();
  const generated = last.generated - first.generated;
  const lines: [string, string][] = [
    ['card', card ?? `none: ${cpus()[0]?.model}`],
    [
      'model',
      `${model.split('/').at(-1)}, ${serverSays(/"engine": "(\w+)"/)}, loaded in ${(loadedMs / 1000).toFixed(0)} s`,
    ],
    [
      'search',
      `k = ${CONFIG.candidates}, M = ${CONFIG.rollouts}, ${inFlight} problems in flight, steps to ${CONFIG.maxStepTokens} and rollouts to ${CONFIG.maxRolloutTokens} tokens`,
    ],
    ['server', `${rows} sequences at a time`],
    [
      'measured',
      `${took.toFixed(0)} s from its first answer on; the driver then ended by SIGTERM with exit code ${code}`,
    ],
    ['generated tokens', `${generated}, ${(generated / took).toFixed(0)} a second`],
    [
      'tokens of prompts',
      `${last.read - first.read}, ${((last.read - first.read) / took).toFixed(0)} a second, a prompt once for all of its completions`,
    ],
    [
      'sequences at a time',
      `${mean(({ running }) => running).toFixed(0)} of ${rows} on average; ${mean(({ waiting }) => waiting).toFixed(0)} waiting`,
    ],
    [
      'busy: the server has work',
      `${(100 * mean(({ running }) => (running > 0 ? 1 : 0))).toFixed(1)} % of ${moments.length} looks`,
    ],
    [
      'busy: a kernel runs (nvidia-smi)',
      last.busy === null ? '-' : `${(100 * mean(({ busy }) => busy ?? 0)).toFixed(1)} %`,
    ],
    ['driver', `${(driverCpu / took).toFixed(2)} cores`],
    [
      'progress as the campaign sees it',
      Object.entries(metrics)
        .map(([name, value]) => `${name} ${Math.round(value * 1000) / 1000}`)
        .join(', '),
    ],
  ];
  return `${tableOf(['what', 'measured'], lines)}\n`;
}

async function planned(): Promise<{ dir: string; path: string }> {
  const problems = ['gsm8k-test', 'math500'].flatMap((source) =>
    readFileSync(join(PROJECT, 'data/benchmarks', `${source}.jsonl`), 'utf8')
      .trim()
      .split('\n')
      .slice(0, 500)
      .map((line) => JSON.parse(line) as { id: string; problem: string; answer: string })
      .map(({ id, problem, answer }) => ({ id, problem, reference: answer, source })),
  );
  const prepare = await finishedStage(
    store,
    { kind: 'prepare', data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 } },
    { [FILES.prepare.search]: problems },
  );
  return plannedStage(store, {
    kind: 'search',
    config: CONFIG,
    inputs: { prompts: prepare },
    domain: { name: 'math' },
    policy: { type: 'pretrained', name: 'small', uri: model, revision: 'local' },
  });
}

function startServer(port: number): ChildProcess {
  const env = {
    ...process.env,
    PYTHONPATH: [join(PROJECT, 'trainers'), process.env.PYTHONPATH].filter(Boolean).join(':'),
    ORRERY_POLICY_ROWS: String(rows),
    ORRERY_POLICY_CACHE_MIB: options['cache-mib'],
    ORRERY_POLICY_PREFIX_MIB: '2048',
  };
  const child = spawn(
    python,
    ['-m', 'orrery_trainers.serving.policy_server', '--model', model, '--port', String(port)],
    {
      env,
    },
  );
  const log = join(store, 'server.log');
  writeFileSync(log, '');
  for (const pipe of [child.stdout, child.stderr])
    pipe.on('data', (chunk: Buffer) => writeFileSync(log, chunk, { flag: 'a' }));
  return child;
}

function serverSays(what: RegExp): string {
  return what.exec(readFileSync(join(store, 'server.log'), 'utf8'))?.[1] ?? '?';
}

async function untilHealthy(port: number, server: ChildProcess): Promise<number> {
  const began = performance.now();
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the policy server ended: ${tail(join(store, 'server.log'))}`);
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => null);
    if (answer?.ok) return performance.now() - began;
    await sleep(200);
  }
}

async function metricsOf(url: string): Promise<Omit<Moment, 'atMs' | 'busy'>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^vllm:${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    running: value('num_requests_running'),
    waiting: value('num_requests_waiting'),
    generated: value('generation_tokens_total'),
    read: value('prompt_tokens_total'),
  };
}

const smi = (field: string): string | null => {
  try {
    return execFileSync('nvidia-smi', [`--query-gpu=${field}`, '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null;
  }
};
function gpuName(): string | null {
  return smi('name,driver_version,memory.total');
}
function gpuBusy(): number | null {
  const percent = smi('utilization.gpu');
  return percent === null ? null : Number(percent) / 100;
}

/** Processor time of a process so far, in seconds; 0 where /proc does not have it. */
function cpuSeconds(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

const tail = (file: string): string => readFileSync(file, 'utf8').slice(-2000);

try {
  const port = await getPort({ host: '127.0.0.1' });
  const server = startServer(port);
  try {
    const loadedMs = await untilHealthy(port, server);
    await measure(port, loadedMs);
  } finally {
    server.kill('SIGTERM');
  }
} finally {
  rmSync(store, { recursive: true, force: true });
}
