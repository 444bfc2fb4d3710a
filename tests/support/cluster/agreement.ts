import type { CampaignStatus, StageState, StageStatus } from '../../../spec/index.ts';
import type { JobLine, UiSight } from './views.ts';

/** Whether all who tell of a campaign tell the same. */

/** What was seen between two looks at the status. */
export interface Moment {
  readonly before: CampaignStatus;
  readonly after: CampaignStatus;
  readonly jobs: readonly JobLine[];
  readonly ui: UiSight;
  /** By stage: what `orrery watch` told last. */
  readonly watched: ReadonlyMap<string, string>;
  /** Stages of which a pod runs. */
  readonly withPods: ReadonlySet<string>;
}

export interface Difference {
  readonly words: string;
  /**
   * Told by one to the other (a Job's end, the list of workflows, a watch that looks once a second): a difference once
   * it lasts.
   */
  readonly mayPass: boolean;
}

/** How long a view may be behind: issue and tests call a status right that is so within 5 s. */
const BEHIND_MS = 5_000;

/** States in which a stage has a Job that lives, or may have it at any moment. */
const ACTIVE: readonly StageState[] = ['starting', 'running', 'pausing', 'backing-off'];
const OVER: readonly StageState[] = ['completed', 'reused', 'failed', 'cancelled'];

/** Stages that did not change while it was looked: of the others nothing can be said. */
export const unmoved = ({ before, after }: Pick<Moment, 'before' | 'after'>): StageStatus[] =>
  before.stages.filter((stage) => {
    const then = after.stages.find(({ name }) => name === stage.name);
    return then?.state === stage.state && then.attempt === stage.attempt && then.executions === stage.executions;
  });

/** Where views of one moment differ, in words. Pure. */
export function differences(moment: Moment): Difference[] {
  const found: Difference[] = [];
  const now = (agrees: boolean, words: string) => agrees || found.push({ words, mayPass: false });
  const soon = (agrees: boolean, words: string) => agrees || found.push({ words, mayPass: true });

  const still = unmoved(moment);
  for (const stage of still) {
    const { name, state, attempt, executions } = stage;
    const is = `${name} is ${state}`;
    const jobs = moment.jobs.filter((job) => job.stage === name).toSorted((a, b) => a.attempt - b.attempt);
    const newest = jobs.at(-1);
    const live = jobs.filter(({ status }) => status === 'Running').length;

    // A Job stands a moment before the campaign hears of its execution.
    const begins = state === 'starting' || state === 'backing-off';
    now(
      jobs.length === executions || (begins && jobs.length === executions + 1),
      `${is}, of ${executions} executions, and kubectl shows ${jobs.length} Jobs`,
    );
    now(live <= 1, `${is}, and kubectl shows ${live} Jobs Running`);
    // Pods that have ended are believed before a Job controller that is late.
    soon(live === 0 || ACTIVE.includes(state), `${is}, and kubectl shows a Job Running`);
    // A stage is completed with its last part, before the kubelet has ended its pods.
    const podsAgree = state === 'completed' ? soon : now;
    podsAgree(ACTIVE.includes(state) || !moment.withPods.has(name), `${is}, and a pod runs`);
    if (state === 'running') {
      now(newest?.attempt === attempt, `${is}, attempt ${attempt}, and kubectl's newest Job is of ${newest?.attempt}`);
      soon(newest?.status === 'Running', `${is}, and kubectl shows its Job ${newest?.status}`);
    }
    if (state === 'completed') {
      now(newest?.attempt === attempt, `${is}, attempt ${attempt}, and kubectl's newest Job is of ${newest?.attempt}`);
      soon(newest?.status === 'Complete', `${is}, and kubectl says ${newest?.status}`);
    }
    if (state === 'failed') soon(newest?.status === 'Failed', `${is}, and kubectl says ${newest?.status}`);

    const row = moment.ui.rows.get(name);
    now(row?.state === state, `${is}, and the UI's table says ${row?.state}`);
    now(
      row?.executions === executions,
      `${is}, of ${executions} executions, and the UI's table says ${row?.executions}`,
    );
    const open = state !== 'pending' && !OVER.includes(state);
    soon(moment.ui.open.has(name) === open, `${is}, and the UI's list has its workflow ${open ? 'closed' : 'open'}`);
    const watched = moment.watched.get(name) ?? 'pending';
    soon(watched === state, `${is}, and orrery watch says ${watched}`);
  }
  if (still.length < moment.before.stages.length) return found;
  const { phase } = moment.before;
  now(moment.ui.phase === phase, `the campaign is ${phase}, and the UI says ${moment.ui.phase}`);
  const tag = runningKinds(moment.before);
  soon(moment.ui.tag === tag, `OrreryPhase should be ${tag}, and the UI's list has ${moment.ui.tag}`);
  return found;
}

/** As docs/temporal.md has it: the kinds that run now, else the phase. */
function runningKinds({ stages, phase }: CampaignStatus): string {
  const kinds = new Set(stages.filter(({ state }) => state === 'running').map(({ kind }) => kind));
  return kinds.size === 0 ? phase : [...kinds].join(',');
}

/** Remembers differences that may pass, and tells those that have not. */
export function lastingDifferences(): (found: readonly Difference[], at: number) => string[] {
  let standing = new Map<string, number>();
  return (found, at) => {
    standing = new Map(found.map(({ words }) => [words, standing.get(words) ?? at]));
    return found
      .filter(({ words, mayPass }) => !mayPass || at - (standing.get(words) ?? at) > BEHIND_MS)
      .map(({ words }) => words);
  };
}
