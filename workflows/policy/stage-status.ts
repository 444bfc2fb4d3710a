import type { Ledger, Run, StageStatus } from '../../spec/index.ts';
import { type Accounting, incidentsWithCost } from './accounting.ts';

/** The fields of a stage's status that follow from its ledger and its time accounting. */
export function accountedStatus(
  ledger: Ledger,
  accounting: Accounting,
  { shards, ranks, resources }: Pick<Run, 'shards' | 'ranks' | 'resources'>,
): Pick<StageStatus, 'failures' | 'incidents' | 'account' | 'accountedUntil' | 'gpuHours'> {
  const pods = Math.max(shards, ranks);
  return {
    failures: Object.values(ledger.failures).reduce((sum, count) => sum + count, 0),
    incidents: incidentsWithCost(ledger, accounting),
    account: accounting.account,
    accountedUntil: new Date(accounting.chargedUntil).toISOString(),
    gpuHours: (accounting.podSeconds / 3600) * resources.gpus * pods,
  };
}
