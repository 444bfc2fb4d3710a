/**
 * Every message that orrery's workflows accept, with the shape of its argument. Handlers are set only through these
 * tables (listen.ts), so every argument is parsed before it reaches the state of a workflow.
 */
import { defineSignal } from '@temporalio/workflow';
import type { Progress, StageStatus } from '../spec/index.ts';
import { fields, flag, nullable, optional, type Shape, text } from './input/shape.ts';
import { armName, progress, stageName, stageStatus } from './input/status.ts';

/** A message: its argument, and its description in the Temporal UI. */
export interface Message<T> {
  readonly argument: Argument<T>;
  readonly description: string;
}

/** `whenMissing` gives the value of a missing argument. Null when the argument is required. */
export type Argument<T> = { readonly shape: Shape<T>; readonly whenMissing: (() => T) | null };

/** No argument. Clients that must send something may send `null` or `{}`. */
const empty = nullable(fields<object>({}, 'refused'));
const none: Argument<null> = {
  shape: (value, at) => {
    empty(value, at);
    return null;
  },
  whenMissing: () => null,
};
const one = <T>(shape: Shape<T>): Argument<T> => ({ shape, whenMissing: null });
const oneOrNone = <T>(shape: Shape<T>, absent: T): Argument<T> => ({ shape, whenMissing: () => absent });

/** First run id of the campaign that the stage belongs to. A later campaign with the same id ignores this stage. */
const campaignRun = text(100);

const retry = one(fields<{ stage: string }>({ stage: stageName }, 'refused'));
const approval = oneOrNone(fields<{ arm?: string | undefined }>({ arm: optional(armName, undefined) }, 'refused'), {});

export const CAMPAIGN_MESSAGES = {
  updates: {
    pause: { argument: none, description: 'Save, free every machine, and wait.' },
    resume: { argument: none, description: 'Continue where the pause stopped.' },
    retryStage: { argument: retry, description: 'Start a held stage again, with its budgets restored.' },
    approve: { argument: approval, description: 'Approve the RL stage of one arm, or of all arms.' },
  },
  // The same messages as signals: for clients without updates (tctl), and while no worker runs. Temporal keeps a signal
  // but not an update.
  signals: {
    pause: { argument: none, description: 'Like the update, without a reply.' },
    resume: { argument: none, description: 'Like the update, without a reply.' },
    retryStage: { argument: retry, description: 'Like the update, without a reply.' },
    approve: { argument: approval, description: 'Like the update, without a reply.' },
    stageChanged: {
      argument: one(
        fields<{ campaignRun: string; status: StageStatus }>({ campaignRun, status: stageStatus }, 'dropped'),
      ),
      description: 'From a stage: its status. Changes only what is shown.',
    },
    stageProgress: {
      argument: one(
        fields<{ campaignRun: string; stage: string; progress: Progress }>(
          { campaignRun, stage: stageName, progress },
          'dropped',
        ),
      ),
      description: 'From the activity that watches a job: its progress. Sent rarely; the heartbeat has newer values.',
    },
  },
  queries: { status: { argument: none, description: 'Status of the campaign and its stages, also after its end.' } },
} as const satisfies Messages;

export const STAGE_MESSAGES = {
  updates: {},
  signals: {
    setPaused: { argument: one(flag), description: 'From the campaign: pause or continue.' },
    retry: { argument: none, description: 'From the campaign to a held stage: try again.' },
  },
  queries: { status: { argument: none, description: 'Status of the stage.' } },
} as const satisfies Messages;

export const stageChangedSignal = defineSignal<[{ campaignRun: string; status: StageStatus }]>('stageChanged');
export const setPausedSignal = defineSignal<[boolean]>('setPaused');
export const retrySignal = defineSignal('retry');

export interface Messages {
  readonly updates: Readonly<Record<string, Message<unknown>>>;
  readonly signals: Readonly<Record<string, Message<unknown>>>;
  readonly queries: Readonly<Record<string, Message<unknown>>>;
}
