/**
 * Every message that orrery's workflows take, each with the form of its argument. Handlers are set from these tables alone, so that no
 * argument reaches the state of a workflow before it is parsed.
 *
 * - A signal that does not parse, or that cannot be followed, changes nothing; it is counted, and the status tells the last one.
 * - An update is refused in words, by its validator, before it is in the history.
 * - A query fails in words.
 */
import {
  ApplicationFailure,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import { type CampaignStatus, InvalidInputError, type Progress, type StageStatus } from '../spec/index.ts';
import { ignoreMessage } from './ignored.ts';
import { Refusal } from './input/refusal.ts';
import { fields, flag, nullable, optional, parseShape, type Shape, text } from './input/shape.ts';
import { armName, progress, stageName, stageStatus } from './input/status.ts';

export { Refusal } from './input/refusal.ts';

/** A message: its argument, and what it is for in the words that the Temporal UI shows. */
interface Message<T> {
  readonly argument: Argument<T>;
  readonly description: string;
}
type Argument<T> = { readonly shape: Shape<T>; readonly whenNone: (() => T) | null };

/** No argument. Clients that have to send something may send `null` or `{}`. */
const empty = nullable(fields<object>({}, 'refused'));
const none: Argument<null> = {
  shape: (value, at) => {
    empty(value, at);
    return null;
  },
  whenNone: () => null,
};
const one = <T>(shape: Shape<T>): Argument<T> => ({ shape, whenNone: null });
const oneOrNone = <T>(shape: Shape<T>, absent: T): Argument<T> => ({ shape, whenNone: () => absent });

/** The run of the campaign that a stage belongs to: a campaign that took over an id does not listen to the stages of the one before. */
const campaignRun = text(100);

const retry = one(fields<{ stage: string }>({ stage: stageName }, 'refused'));
const approval = oneOrNone(fields<{ arm?: string | undefined }>({ arm: optional(armName, undefined) }, 'refused'), {});

export const CAMPAIGN_MESSAGES = {
  updates: {
    pause: { argument: none, description: 'Save, free every machine, and wait.' },
    resume: { argument: none, description: 'Go on where the pause stopped.' },
    retryStage: { argument: retry, description: 'Start a held stage again, with its budgets restored.' },
    approve: { argument: approval, description: 'Let the RL of an arm begin; of all, when none is named.' },
  },
  // The same as signals, for clients that have no updates (tctl), and for the time in which no worker is there: a signal is kept, an update
  // is not.
  signals: {
    pause: { argument: none, description: 'As the update, without an answer.' },
    resume: { argument: none, description: 'As the update, without an answer.' },
    retryStage: { argument: retry, description: 'As the update, without an answer.' },
    approve: { argument: approval, description: 'As the update, without an answer.' },
    stageChanged: {
      argument: one(
        fields<{ campaignRun: string; status: StageStatus }>({ campaignRun, status: stageStatus }, 'dropped'),
      ),
      description: 'From a stage: how it stands. It changes what is shown, and nothing else.',
    },
    stageProgress: {
      argument: one(
        fields<{ campaignRun: string; stage: string; progress: Progress }>(
          { campaignRun, stage: stageName, progress },
          'dropped',
        ),
      ),
      description: 'From the watch of a job: how far it is. Sparse; the heartbeat is fresher.',
    },
  },
  queries: { status: { argument: none, description: 'Where the campaign stands. Answered after its end too.' } },
} as const satisfies Messages;

export const STAGE_MESSAGES = {
  updates: {},
  signals: {
    setPaused: { argument: one(flag), description: 'From the campaign: pause, or go on.' },
    retry: { argument: none, description: 'From the campaign to a held stage: try again.' },
  },
  queries: { status: { argument: none, description: 'Where the stage stands.' } },
} as const satisfies Messages;

export const stageChangedSignal = defineSignal<[{ campaignRun: string; status: StageStatus }]>('stageChanged');
export const setPausedSignal = defineSignal<[boolean]>('setPaused');
export const retrySignal = defineSignal('retry');

export interface Messages {
  readonly updates: Readonly<Record<string, Message<unknown>>>;
  readonly signals: Readonly<Record<string, Message<unknown>>>;
  readonly queries: Readonly<Record<string, Message<unknown>>>;
}
type Given<M> = M extends Message<infer T> ? T : never;

/** A handler for each message of a table. */
export interface Handlers<M extends Messages> {
  readonly updates: {
    readonly [K in keyof M['updates']]: {
      /** @throws Refusal when it cannot be followed now. Must change nothing */
      readonly accept?: (given: Given<M['updates'][K]>) => void;
      /** One that may still be refused wraps itself in {@link answering}. */
      readonly handle: (given: Given<M['updates'][K]>) => Promise<CampaignStatus>;
    };
  };
  /** @throws Refusal when it cannot be followed now; state is then as it was */
  readonly signals: { readonly [K in keyof M['signals']]: (given: Given<M['signals'][K]>) => void | Promise<void> };
  readonly queries: { readonly [K in keyof M['queries']]: (given: Given<M['queries'][K]>) => unknown };
}

/** Sets the handlers of all messages, and one for signals that have none. */
export function listen<M extends Messages>(messages: M, handlers: Handlers<M>): void {
  for (const [name, { argument, description }] of Object.entries(messages.queries)) {
    const handle = handlers.queries[name] as (given: unknown) => unknown;
    setHandler(
      defineQuery<unknown, unknown[]>(name),
      (...args) => refusing(() => handle(parse(name, argument, args))),
      {
        description,
      },
    );
  }
  for (const [name, { argument, description }] of Object.entries(messages.updates)) {
    const { accept, handle } = handlers.updates[name] as Handlers<Messages>['updates'][string];
    setHandler(
      defineUpdate<CampaignStatus, unknown[]>(name),
      // Without `async`: one step more would order the commands of recorded histories anew.
      (...args) => handle(refusing(() => parse(name, argument, args))),
      { validator: (...args) => refusing(() => accept?.(parse(name, argument, args))), description },
    );
  }
  for (const [name, { argument, description }] of Object.entries(messages.signals)) {
    const handle = handlers.signals[name] as (given: unknown) => void | Promise<void>;
    setHandler(
      defineSignal<unknown[]>(name),
      (...args) => heed(`signal ${name}`, () => handle(parse(name, argument, args))),
      { description },
    );
  }
  const known = Object.keys(messages.signals).join(', ');
  setDefaultSignalHandler((name) => ignoreMessage(`signal ${name}`, `expected one of ${known}`));
}

/**
 * Follows a signal. What its handler throws would fail the workflow, or its task for ever; so it is counted and told instead. A cancellation
 * of the workflow reaches the workflow itself: thrown from here, it would close it before its machines are free.
 */
async function heed(message: string, follow: () => void | Promise<void>): Promise<void> {
  try {
    await follow();
  } catch (error) {
    if (!isCancellation(error)) ignoreMessage(message, error);
  }
}

/** Turns wrong input into a failure that the sender is told. Anything else is a fault of ours, and fails the task. */
function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    return refuse(error);
  }
}

/** The same of what takes a while. */
export const answering = <T>(act: () => Promise<T>): Promise<T> => act().catch(refuse);

function refuse(error: unknown): never {
  const wrong = error instanceof InvalidInputError || error instanceof Refusal;
  throw wrong ? ApplicationFailure.nonRetryable(error.message, 'Refused') : error;
}

function parse<T>(name: string, { shape, whenNone }: Argument<T>, args: readonly unknown[]): T {
  const what = `the argument of ${name}`;
  if (args.length > 1) {
    const expected = whenNone === null ? 'one argument' : 'at most one argument';
    throw new InvalidInputError(what, [{ field: '', message: `expected ${expected}, but got ${args.length}` }]);
  }
  if (args[0] === undefined && whenNone !== null) return whenNone();
  return parseShape(shape, args[0], what);
}
