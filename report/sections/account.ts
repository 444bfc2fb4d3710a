import { type Account, type LossCause, TimeKind } from '../../spec/account.ts';
import type { CampaignStatus, StageStatus } from '../../spec/status.ts';
import { effectiveRatio } from '../../spec/sum-accounts.ts';
import { count, decimal, duration, percent, plain, several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import { htmlTable, section } from './parts.ts';

/** Kinds of time with their own column. The others are small, or depend on a person. */
const COLUMNS = ['queued', 'starting', 'working', 'saving', 'lost', 'backing-off', 'waiting-for-worker'] as const;

/** Where the time of every stage went, the causes of lost time, and what was done about failures. */
export function accountSection({ stages, account, gpuHours }: CampaignStatus): Markup {
  const ran = stages.filter(({ executions }) => executions > 0);
  const rest = TimeKind.options.filter((kind) => !(COLUMNS as readonly string[]).includes(kind));
  return section(
    'account',
    'Account of time',
    html`<p>${lead(account, ran.length, stages.length - ran.length)}${gpuHours > 0 ? ` Its pods held ${decimal(gpuHours)} GPU-hours.` : ''}</p>`,
    htmlTable(
      'Share of the time that went into work that was kept (effective training time ratio), and where the rest went. The share leaves out paused and blocked time.',
      ['Stage', 'Effective', ...COLUMNS.map(plain), 'other', 'Executions'],
      [
        ...ran.map((stage) => row(stage.name, stage.account, rest, String(stage.executions))),
        row('all', account, rest, ''),
      ],
    ),
    lossTable(account),
    incidentTable(ran),
  );
}

function lead(account: Account, executed: number, reused: number): string {
  const ratio = effectiveRatio(account);
  const share = ratio === null ? 'No stage was executed' : `${percent(ratio)} of the time went into work that was kept`;
  const others = reused > 0 ? `; ${several(reused, 'stage')} had been finished before` : '';
  return `${share}, over ${several(executed, 'stage')} of this campaign${others}.`;
}

function row(name: string, account: Account, rest: readonly TimeKind[], executions: string): (string | Markup)[] {
  const ratio = effectiveRatio(account);
  const seconds = (kind: TimeKind) => account.seconds[kind];
  const other = rest.reduce((sum, kind) => sum + seconds(kind), 0);
  return [
    name,
    ratio === null ? '' : percent(ratio),
    ...COLUMNS.map((kind) => time(seconds(kind))),
    time(other),
    executions,
  ];
}

function lossTable({ causes }: Account): Markup | null {
  const losses = Object.entries(causes) as [LossCause, { times: number; seconds: number }][];
  if (losses.length === 0) return null;
  return htmlTable(
    'Causes of lost time. Time is lost from the event until the work is back at the point that it had reached.',
    ['Cause', 'Times', 'Cost'],
    losses
      .toSorted(([, a], [, b]) => b.seconds - a.seconds)
      .map(([cause, { times, seconds }]) => [plain(cause), times, time(seconds)]),
  );
}

function incidentTable(stages: readonly StageStatus[]): Markup | null {
  const incidents = stages.flatMap(({ name, incidents }) => incidents.map((incident) => ({ name, ...incident })));
  if (incidents.length === 0) return null;
  return htmlTable(
    'Failures, the last of each stage.',
    ['Stage', 'When (UTC)', 'Class', 'What happened', 'What was done', 'Cost', 'Done again'],
    incidents
      .toSorted((a, b) => a.at.localeCompare(b.at))
      .map((incident) => [
        `${incident.name}, attempt ${incident.attempt}`,
        incident.at.slice(0, 19).replace('T', ' '),
        plain(incident.class),
        html`<span class="counts">${incident.message}</span>`,
        html`<span class="counts">${incident.followed}</span>`,
        time(incident.costSeconds),
        incident.lostUnits === 0 ? '' : count(incident.lostUnits),
      ]),
  );
}

const time = (seconds: number): string => (seconds === 0 ? '' : duration(seconds));
