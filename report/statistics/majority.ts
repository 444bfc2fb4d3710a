/** A judged completion in a majority vote. */
export interface Vote {
  /** Normalised, so that equal answers are equal strings. Null when the completion has no answer. */
  readonly answer: string | null;
  readonly right: boolean;
}

/**
 * Probability that the most frequent answer is right when a fair draw breaks ties: maj@n of one problem. A completion
 * without an answer has no vote; without any vote the majority is wrong. Source: self-consistency, Wang et al. 2022
 * (arXiv 2203.11171). The tie rule is *ours*: the result does not depend on the order.
 */
export function majorityRight(votes: readonly Vote[]): number {
  const counts = new Map<string, number>();
  for (const { answer } of votes) if (answer !== null) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const winners = [...counts].filter(([, count]) => count === most).map(([answer]) => answer);
  if (winners.length === 0) return 0;
  const right = new Set(votes.filter((vote) => vote.right).map((vote) => vote.answer));
  return winners.filter((answer) => right.has(answer)).length / winners.length;
}
