import type { Account, LossCause, TimeKind } from './account.ts';
import { TIME_KINDS } from './time-kinds.ts';

export const NEW_ACCOUNT: Account = {
  seconds: Object.fromEntries(TIME_KINDS.map((kind) => [kind, 0])) as Account['seconds'],
  causes: {},
};

const NOT_COUNTED: ReadonlySet<TimeKind> = new Set(['paused', 'blocked']);

/**
 * Effective training time ratio (ETTR): the share of its time in which a stage did work that was kept. Pauses by a
 * person do not count, nor does waiting for another campaign that runs the same stage. Null before any time was
 * charged. Source: published training runs of this size report ETTR. The choice of what does not count is *ours*.
 */
export function effectiveRatio({ seconds }: Account): number | null {
  const counted = TIME_KINDS.filter((kind) => !NOT_COUNTED.has(kind));
  const total = counted.reduce((sum, kind) => sum + seconds[kind], 0);
  return total === 0 ? null : seconds.working / total;
}

/** Adds up several accounts: those of a campaign's stages, or those of a stage's earlier runs. */
export function sumAccounts(accounts: readonly Account[]): Account {
  const sum = copyOf(NEW_ACCOUNT);
  for (const account of accounts) {
    for (const kind of TIME_KINDS) sum.seconds[kind] += account.seconds[kind];
    for (const [cause, cost] of Object.entries(account.causes) as [LossCause, { times: number; seconds: number }][]) {
      const before = sum.causes[cause] ?? { times: 0, seconds: 0 };
      sum.causes[cause] = { times: before.times + cost.times, seconds: before.seconds + cost.seconds };
    }
  }
  return sum;
}

const copyOf = (account: Account): Account => ({
  seconds: { ...account.seconds },
  causes: { ...account.causes },
});
