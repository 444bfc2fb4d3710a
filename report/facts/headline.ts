import { percent, pValue, several, signedPoints } from '../format.ts';
import type { Comparison, Headline, ResultRow } from '../report-schema.ts';
import type { Estimate } from '../statistics/estimate.ts';

/**
 * The first sentence of the report, its verdict and its details. They come from comparing the first arm with every
 * other arm after RL. The verdict is `for` or `against` the first arm only if the interval of the paired difference
 * excludes zero for every other arm; otherwise it is `undecided`. pass@1 decides when there are samples, else greedy
 * accuracy. *Ours*.
 */
export function headlineOf(
  results: readonly ResultRow[],
  comparisons: readonly Comparison[],
  confidence: number,
): Headline {
  const overall = <T extends { benchmark: string | null }>(items: readonly T[]): T[] => {
    const together = items.filter(({ benchmark }) => benchmark === null);
    return together.length > 0 ? together : [...items];
  };
  const rows = overall(results);
  const afterRl = overall(comparisons).filter(({ about, phase }) => about === 'arms' && phase === 'rl');
  const details = [
    ...afterRl.flatMap((comparison) => greedyDetail(comparison)),
    ...trainingDetails(rows),
    ...(afterRl.length > 0
      ? [
          'The intervals cover the choice of problems, for one seed. Training with another seed gives another result; the intervals do not cover that.',
        ]
      : []),
  ];
  if (afterRl.length === 0) {
    const sentence = 'No two arms went through RL, so nothing is compared here.';
    return { verdict: 'not-compared', sentence, details };
  }
  const verdicts = new Set(afterRl.map((comparison) => verdictOf(deciding(comparison).difference)));
  const [only] = verdicts;
  return {
    verdict: verdicts.size === 1 && only !== undefined ? only : 'undecided',
    sentence: afterRl.map((comparison) => sentenceOf(comparison, rows, confidence)).join(' '),
    details,
  };
}

/** The verdict of one difference: the side of zero that its whole interval is on. */
function verdictOf({ value, low, high }: Estimate): Headline['verdict'] {
  if (value === null) return 'not-compared';
  if (low !== null && low > 0) return 'for';
  if (high !== null && high < 0) return 'against';
  return 'undecided';
}

function deciding({ passAt1, greedy }: Comparison): {
  field: 'passAt1' | 'greedy';
  measure: string;
  difference: Estimate;
} {
  return passAt1.value !== null
    ? { field: 'passAt1', measure: 'pass@1', difference: passAt1 }
    : { field: 'greedy', measure: 'greedy accuracy', difference: greedy };
}

function sentenceOf(comparison: Comparison, rows: readonly ResultRow[], confidence: number): string {
  const { field, measure, difference } = deciding(comparison);
  const [first = '', second = ''] = [comparison.firstLabel, comparison.secondLabel].map((label) =>
    label.replace(/ RL$/, ''),
  );
  if (difference.value === null) return `After RL, ${first} and ${second} cannot be compared: ${difference.reason}.`;
  const accuracyOf = (stage: string) => rows.find((row) => row.stage === stage)?.[field].value ?? null;
  const [own, other] = [accuracyOf(comparison.first), accuracyOf(comparison.second)];
  const levels = own === null || other === null ? measure : `${measure} ${percent(own)} against ${percent(other)}`;
  const interval =
    difference.low === null || difference.high === null
      ? `no interval: ${difference.reason}`
      : `${percent(confidence, 0)} interval ${signedPoints(difference.low)} to ${signedPoints(difference.high)}`;
  const measured = `${levels}, a difference of ${signedPoints(difference.value)} points (${interval}) over the same ${several(difference.n, 'problem')}`;
  switch (verdictOf(difference)) {
    case 'for':
      return `After RL, ${first} is ahead of ${second}: ${measured}.`;
    case 'against':
      return `After RL, ${first} is behind ${second}: ${measured}.`;
    default:
      return `After RL, the experiment does not decide between ${first} and ${second}: ${measured}.`;
  }
}

function greedyDetail({ greedy, mcnemar, passAt1, firstLabel, secondLabel }: Comparison): string[] {
  if (mcnemar === null || greedy.value === null || passAt1.value === null) return [];
  const { onlyFirst, onlySecond, p } = mcnemar;
  return [
    `Greedy decoding, ${firstLabel} against ${secondLabel}: ${signedPoints(greedy.value)} points; ` +
      `${onlyFirst} problems solved by the first alone, ${onlySecond} by the second alone (exact McNemar p ${p < 0.001 ? '' : '= '}${pValue(p)}).`,
  ];
}

/** Accuracy of each arm along its training: "pass@1 of astro: 33.4 % base, 40.1 % after SFT, 58.9 % after RL." */
function trainingDetails(rows: readonly ResultRow[]): string[] {
  const field = rows.some(({ passAt1 }) => passAt1.value !== null) ? 'passAt1' : 'greedy';
  const arms = new Set(rows.flatMap(({ arm }) => arm ?? []));
  return [...arms].map((arm) => {
    const stations = rows
      .filter((row) => row.arm === null || row.arm === arm)
      .flatMap(({ phase, [field]: { value } }) =>
        value === null ? [] : `${percent(value)} ${phase === 'base' ? 'base' : `after ${phase.toUpperCase()}`}`,
      );
    return `${field === 'passAt1' ? 'pass@1' : 'Greedy accuracy'} of ${arm}: ${stations.join(', ') || 'not known'}.`;
  });
}
