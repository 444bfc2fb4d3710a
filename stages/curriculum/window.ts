import type { PassRate } from '../../spec/records.ts';
import type { CurriculumConfig } from '../../spec/stages/curriculum.ts';

/** What the samples of one prompt showed. */
export interface Tally {
  readonly id: string;
  readonly samples: number;
  readonly right: number;
  /** Samples that the verifier could not judge. They say nothing about the difficulty. */
  readonly unjudged: number;
}

export type Decision = Pick<PassRate, 'passRate' | 'kept' | 'reason'>;

/** Share of the judged samples that are right; 0 when none was judged. */
export const passRateOf = ({ samples, right, unjudged }: Tally): number =>
  samples > unjudged ? right / (samples - unjudged) : 0;

/**
 * Chooses the prompts that RL trains on: at most `target` prompts whose pass rate is in the window. Those nearest the
 * middle of the window come first, because there the rewards of a group differ most. `tieBreak` orders equal distances.
 * Pure.
 * @param tallies - one for each prompt
 * @param window - inclusive bounds; a prompt that is always or never solved gives GRPO no gradient
 * @param target - most prompts to keep; for one shard, see {@link shareOfTarget}
 * @param tieBreak - a number that depends only on the prompt
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

/** A prompt without a judged sample is too hard: none of its samples can be rewarded. */
function placeOf(tally: Tally, window: CurriculumConfig['passRate']): 'inside' | 'too-easy' | 'too-hard' {
  const rate = passRateOf(tally);
  if (tally.unjudged === tally.samples || rate < window.min) return 'too-hard';
  return rate > window.max ? 'too-easy' : 'inside';
}

/**
 * How many prompts of the target one shard may keep. Shards do not see each other, so the target is divided: the shares
 * add up to it and differ by at most one. Candidates are dealt to the shards one by one, so each shard has a fair
 * sample of difficulties.
 */
export const shareOfTarget = (target: number, part: number, parts: number): number =>
  Math.floor(target / parts) + (part < target % parts ? 1 : 0);
