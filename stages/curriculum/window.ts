import type { PassRate } from '../../spec/records.ts';
import type { CurriculumConfig } from '../../spec/stages/curriculum.ts';

/** What was seen of one prompt. */
export interface Tally {
  readonly id: string;
  readonly samples: number;
  readonly right: number;
  /** Samples that the verifier could not judge. They say nothing of the difficulty. */
  readonly unjudged: number;
}

export type Decision = Pick<PassRate, 'passRate' | 'kept' | 'reason'>;

/** Share of the judged samples that are right; 0 where none was judged. */
export const passRateOf = ({ samples, right, unjudged }: Tally): number =>
  samples > unjudged ? right / (samples - unjudged) : 0;

/**
 * Chooses the prompts that RL trains on: those in the window of pass rates, at most `target` of them, those nearest the middle of the
 * window first, since there the rewards of a group differ most. Equal distances are ordered by `tieBreak`. Pure.
 * @param tallies - one a prompt
 * @param window - inclusive; neither always right nor never right gives GRPO a gradient
 * @param target - prompts wanted, at most; of one shard, see {@link shareOfTarget}
 * @param tieBreak - a number that depends on the prompt alone
 * @returns decisions in the order of the tallies
 * @see the ASTRO paper, curriculum; the window and the middle are ours
 */
export function decide(
  tallies: readonly Tally[],
  window: CurriculumConfig['passRate'],
  target: number,
  tieBreak: (id: string) => number,
): Decision[] {
  const middle = (window.min + window.max) / 2;
  const inWindow = tallies
    .filter((tally) => placeOf(tally, window) === 'inside')
    .map((tally) => ({ id: tally.id, distance: Math.abs(passRateOf(tally) - middle), tie: tieBreak(tally.id) }))
    .toSorted((a, b) => a.distance - b.distance || a.tie - b.tie || (a.id < b.id ? -1 : 1));
  const kept = new Set(inWindow.slice(0, target).map(({ id }) => id));
  return tallies.map((tally) => {
    const place = placeOf(tally, window);
    const reason = place !== 'inside' ? place : kept.has(tally.id) ? 'kept' : 'over-target';
    return { passRate: passRateOf(tally), kept: reason === 'kept', reason };
  });
}

/** A prompt of which nothing could be judged is too hard: it has shown nothing that could be rewarded. */
function placeOf(tally: Tally, window: CurriculumConfig['passRate']): 'inside' | 'too-easy' | 'too-hard' {
  const rate = passRateOf(tally);
  if (tally.unjudged === tally.samples || rate < window.min) return 'too-hard';
  return rate > window.max ? 'too-easy' : 'inside';
}

/**
 * How many prompts of a target one shard may keep. Shards do not see each other, so the target is divided: the shares add up to it, and
 * differ by one at most. As candidates are dealt out to shards one by one, each holds a fair sample of the difficulties.
 */
export const shareOfTarget = (target: number, part: number, parts: number): number =>
  Math.floor(target / parts) + (part < target % parts ? 1 : 0);
