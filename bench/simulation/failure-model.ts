import type { FailureClass } from '../../spec/index.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';

/**
 * Published failure rates of machines. Every node fails independently as a Poisson process, so a gang of N nodes fails
 * N times as often. The RSC paper fits this model (arXiv 2410.21680).
 */

const GPUS_PER_NODE = 8;

export interface FailureRate {
  readonly name: string;
  /** Failures of one 8-GPU node per day, without planned interruptions. */
  readonly perNodeDay: number;
  readonly source: string;
}

/** @param gpus - size of the job whose mean time to failure is `hours` */
const fromMeanTimeToFailure = (hours: number, gpus: number): number => 24 / (hours * (gpus / GPUS_PER_NODE));

export const RATES = {
  'rsc-1024': {
    name: 'Meta RSC, jobs of 1,024 GPUs',
    perNodeDay: fromMeanTimeToFailure(7.9, 1024),
    source: 'mean time to failure 7.9 h at 1,024 GPUs, measured (arXiv 2410.21680)',
  },
  'rsc-fit': {
    name: 'Meta RSC, fitted model',
    perNodeDay: fromMeanTimeToFailure(1.8, 16_384),
    source: 'mean time to failure 1.8 h at 16,384 GPUs, projected by its fitted model (arXiv 2410.21680)',
  },
  'llama-3': {
    name: 'Llama 3 405B',
    perNodeDay: 419 / (54 * (16_384 / GPUS_PER_NODE)),
    source: '419 unexpected interruptions in 54 days on 16,384 GPUs (Llama 3 report)',
  },
} as const satisfies Record<string, FailureRate>;

/** Kinds of interruptions, as in the failure table. */
export type Interruption = Extract<FailureClass, 'NodeFailure' | 'Stalled' | 'Crashed' | 'Preempted'>;

/** Shares of the unexpected interruptions. Preemptions are added to them. */
export const SHARES: Readonly<Record<Interruption, { readonly perFailure: number; readonly source: string }>> = {
  NodeFailure: { perFailure: 0.78, source: 'hardware, about 78 % (Llama 3 report)' },
  Stalled: { perFailure: 0.099, source: 'job hang, 9.9 % of incidents (ByteRobust, arXiv 2509.16293, table 1)' },
  Crashed: { perFailure: 0.121, source: 'the rest: software (*ours*)' },
  Preempted: { perFailure: 47 / 419, source: '47 planned interruptions beside 419 unexpected ones (Llama 3 report)' },
};

export interface NextInterruption {
  /**
   * Time from the gang's start on its nodes to the interruption. Waiting gangs have no nodes and are not interrupted.
   */
  readonly afterSeconds: number;
  readonly kind: Interruption;
  /** Index of the struck node in the gang. */
  readonly rank: number;
}

const SECONDS_PER_DAY = 86_400;

/** An endless sequence of interruptions of a gang. It depends only on the seed. */
export function* interruptions(rate: FailureRate, nodes: number, seed: number): Generator<NextInterruption, never> {
  const next = random(seedFor('interruptions', rate.perNodeDay, nodes, seed));
  const perFailure = KINDS.reduce((sum, kind) => sum + SHARES[kind].perFailure, 0);
  const perSecond = (rate.perNodeDay * nodes * perFailure) / SECONDS_PER_DAY;
  for (;;) {
    const afterSeconds = -Math.log(1 - next()) / perSecond;
    const kind = pick(next() * perFailure);
    yield { afterSeconds, kind, rank: Math.floor(next() * nodes) };
  }
}

const KINDS = Object.keys(SHARES) as Interruption[];

/** The kind whose share contains the point. */
function pick(point: number): Interruption {
  let upTo = 0;
  for (const kind of KINDS) {
    upTo += SHARES[kind].perFailure;
    if (point < upTo) return kind;
  }
  return 'Crashed'; // Rounding put the point beyond the last share.
}
