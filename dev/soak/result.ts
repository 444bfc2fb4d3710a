import { type Machine, machineText } from '../machine.ts';
import { tableOf } from '../markdown.ts';
import type { Verdict, Violation } from './checker/violations.ts';
import { FAULTS } from './faults.ts';

/** The result of a soak. It is written as JSON and as a page for people. */
export interface SoakResult {
  readonly startedAt: string;
  readonly seed: number;
  readonly machine: Machine;
  /** One-minute load averages: before the soak, after it, and the highest at the end of a round. */
  readonly load: { readonly before: number; readonly after: number; readonly highest: number };
  readonly seconds: number;
  readonly campaigns: number;
  readonly faults: number;
  readonly faultsByKind: Readonly<Record<string, number>>;
  /** Kinds of faults that cannot be caused on this machine, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
  /** Attempts of all stages. Without faults there is one per stage. */
  readonly executions: number;
  /** Failures that orrery reported, by class. Each follows from a fault. */
  readonly incidents: Readonly<Record<string, number>>;
  readonly filesVerified: number;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  readonly violations: readonly (Violation & { readonly round: string })[];
  /** Temporary files and folders that the reconciler had to remove. Those that it leaves count as leaked. */
  readonly temporaries: number;
  readonly rounds: readonly RoundResult[];
}

export interface RoundResult {
  readonly name: string;
  readonly seconds: number;
  readonly campaigns: number;
  readonly faults: number;
  readonly executions: number;
  readonly violations: number;
}

/** A soak without faults proves nothing, so it does not pass. */
export const hasPassed = ({ violations, faults }: Pick<SoakResult, 'violations' | 'faults'>): boolean =>
  violations.length === 0 && faults > 0;

/** The result as a page. */
export function resultPage(result: SoakResult): string {
  const { verdicts, load, faultsByKind, skipped, incidents, violations } = result;
  const descriptions = new Map(FAULTS.map(({ kind, description }) => [kind, description]));
  const facts: readonly (readonly [string, string | number])[] = [
    ['faults', result.faults],
    ['campaigns', result.campaigns],
    ['executions of stages', result.executions],
    ['output files verified', result.filesVerified],
    ['wall time', `${(result.seconds / 60).toFixed(1)} min`],
    ...Object.entries(verdicts).map(([verdict, count]) => [`**${verdict}**`, `**${count}**`] as const),
    ['temporary files for the reconciler (any that it left are listed below)', result.temporaries],
  ];
  return [
    `# Soak of ${result.startedAt}, seed ${result.seed}`,
    '',
    `${machineText(result.machine)}. Load ${load.before} before, ${load.after} after, ${load.highest} at most between rounds.`,
    '',
    tableOf(['what', 'number'], facts),
    '',
    tableOf(
      ['fault', 'times', 'description'],
      Object.entries(faultsByKind)
        .toSorted(([, a], [, b]) => b - a)
        .map(([kind, times]) => [kind, times, descriptions.get(kind) ?? '']),
    ),
    ...(Object.keys(skipped).length === 0
      ? []
      : ['', 'Not caused here:', '', ...Object.entries(skipped).map(([kind, why]) => `- ${kind}: ${why}`)]),
    '',
    tableOf(['failure class', 'incidents that orrery reported'], Object.entries(incidents)),
    '',
    tableOf(
      ['round', 'campaigns', 'faults', 'executions', 'seconds', 'violations'],
      result.rounds.map((one) => [
        ...[one.name, one.campaigns, one.faults, one.executions, Math.round(one.seconds), one.violations],
      ]),
    ),
    ...(violations.length === 0
      ? []
      : [
          '',
          'Violations:',
          '',
          ...violations.map((one) => `- ${one.verdict}, ${one.round}, ${one.where}: ${one.what}`),
        ]),
    '',
  ].join('\n');
}
