/**
 * One shard of the search stage as a process, for benchmarks to measure and to kill. The program, the policy driver,
 * the journal and the domain `math` are those of a pod. The verifier is a string comparison in this process. The input
 * is a {@link Shard} as JSON. The output is lines of JSON: {@link Moment}s, and a {@link ShardResult} at the end.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadDomain } from '../../domains/domain.ts';
import { type Counts, type Problem, STAGE_CONFIGS, type StageFileOf } from '../../spec/index.ts';
import { connectPolicy } from '../../stages/policy/policy.ts';
import type { StageContext } from '../../stages/runtime/context.ts';
import { searchWith } from '../../stages/search/program.ts';

export interface Shard {
  readonly dir: string;
  /** JSONL file of the problems. */
  readonly problems: string;
  readonly url: string;
  readonly attempt: number;
  readonly config: Record<string, unknown>;
}

/** A sample of the process after some trees. */
export interface Moment {
  readonly trees: number;
  readonly atMs: number;
  /** Heap after a garbage collection, and resident memory, in bytes. */
  readonly heap: number;
  readonly resident: number;
}

export interface ShardResult {
  readonly counts: Counts;
  readonly wallMs: number;
  /** Time of the search, without the start of the process. */
  readonly cpuMs: number;
  readonly requests: number;
  /** sha256 of the trees. */
  readonly digest: string;
}

/**
 * A garbage collection stops the driver for a tenth of a second, so trees that end at the same time share one sample.
 */
const TREES_BETWEEN_LOOKS = 4;
const MS_BETWEEN_LOOKS = 500;

const shard = JSON.parse(process.argv[2] ?? '') as Shard;
const config = STAGE_CONFIGS.search.parse(shard.config);
const stage = { kind: 'search', name: 'search', seed: 7, config, domain: { name: 'math', settings: {} } };
const say = (line: Moment | ShardResult): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const began = performance.now();
let [looked, lookedAt] = [0, 0];

const context: StageContext<'search'> = {
  stage: stage as unknown as StageFileOf<'search'>,
  attempt: shard.attempt,
  part: 0,
  parts: 1,
  dir: shard.dir,
  domain: await loadDomain('math'),
  log: pino({ level: 'warn' }, pino.destination(2)),
  signal: new AbortController().signal,
  inputFiles: () => [shard.problems],
  fence: async () => {},
  report({ metrics: { trees = 0 } = {} }) {
    if (trees < looked + TREES_BETWEEN_LOOKS || performance.now() < lookedAt + MS_BETWEEN_LOOKS) return;
    [looked, lookedAt] = [trees, performance.now()];
    globalThis.gc?.();
    const { heapUsed: heap, rss: resident } = process.memoryUsage();
    say({ trees, atMs: performance.now() - began, heap, resident });
  },
};
const spentBefore = process.cpuUsage();
let policy: Awaited<ReturnType<typeof connectPolicy>> | undefined;
const { files, counts } = await searchWith(context, {
  async connectPolicy(of) {
    policy = await connectPolicy(of, { url: shard.url, pollMs: 200 });
    return policy;
  },
  startVerifier: async () => ({ verify: async (problem, text) => judge(problem, text), close: async () => {} }),
});
const { user, system } = process.cpuUsage(spentBefore);
say({
  counts,
  wallMs: performance.now() - began,
  cpuMs: (user + system) / 1000,
  requests: policy?.usage.requests ?? 0,
  digest: createHash('sha256')
    .update(readFileSync(join(shard.dir, files[0]!)))
    .digest('hex'),
});

function judge({ reference }: Problem, text: string) {
  const answer = /\\boxed\{([^}]*)\}/.exec(text)?.[1] ?? null;
  return { verdict: answer === reference ? ('right' as const) : ('wrong' as const), answer };
}
