/**
 * Every message that orrery's workflows accept, with the shape of its argument. Handlers are set only through these tables, so every argument
 * is parsed before it reaches the state of a workflow. When the argument is invalid, or the workflow cannot follow the message:
 *
 * - a signal changes nothing. It is counted, and the status shows the last one.
 * - an update is refused by its validator, before it is in the history. The sender gets the reason.
 * - a query fails. The sender gets the reason.
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

/** A message: its argument, and its description in the Temporal UI. */
interface Message<T> {
  readonly argument: Argument<T>;
  readonly description: string;
}
/** `whenMissing` gives the value of a missing argument. Null when the argument is required. */
type Argument<T> = { readonly shape: Shape<T>; readonly whenMissing: (() => T) | null };

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
  // The same messages as signals: for clients without updates (tctl), and while no worker runs. Temporal keeps a signal but not an update.
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
type ArgumentOf<M> = M extends Message<infer T> ? T : never;

/** A handler for each message of a table. */
export interface Handlers<M extends Messages> {
  readonly updates: {
    readonly [K in keyof M['updates']]: {
      /** Validates the update. Must change nothing. @throws Refusal when the workflow cannot follow it now */
      readonly accept?: (argument: ArgumentOf<M['updates'][K]>) => void;
      /** A handler that may still throw `Refusal` uses {@link asRefused}. */
      readonly handle: (argument: ArgumentOf<M['updates'][K]>) => Promise<CampaignStatus>;
    };
  };
  /** @throws Refusal when the workflow cannot follow the signal now; the state is unchanged then */
  readonly signals: {
    readonly [K in keyof M['signals']]: (argument: ArgumentOf<M['signals'][K]>) => void | Promise<void>;
  };
  readonly queries: { readonly [K in keyof M['queries']]: (argument: ArgumentOf<M['queries'][K]>) => unknown };
}

/** Sets the handlers of all messages, and a default handler for signals with other names. */
export function listen<M extends Messages>(messages: M, handlers: Handlers<M>): void {
  for (const [name, { argument, description }] of Object.entries(messages.queries)) {
    const handle = handlers.queries[name] as (argument: unknown) => unknown;
    setHandler(
      defineQuery<unknown, unknown[]>(name),
      (...args) => withRefusal(() => handle(parseArgument(name, argument, args))),
      { description },
    );
  }
  for (const [name, { argument, description }] of Object.entries(messages.updates)) {
    const { accept, handle } = handlers.updates[name] as Handlers<Messages>['updates'][string];
    setHandler(
      defineUpdate<CampaignStatus, unknown[]>(name),
      // Not `async`: one more microtask would change the order of commands in recorded histories.
      (...args) => handle(withRefusal(() => parseArgument(name, argument, args))),
      { validator: (...args) => withRefusal(() => accept?.(parseArgument(name, argument, args))), description },
    );
  }
  for (const [name, { argument, description }] of Object.entries(messages.signals)) {
    const handle = handlers.signals[name] as (argument: unknown) => void | Promise<void>;
    setHandler(
      defineSignal<unknown[]>(name),
      (...args) => handleSignal(`signal ${name}`, () => handle(parseArgument(name, argument, args))),
      { description },
    );
  }
  const known = Object.keys(messages.signals).join(', ');
  setDefaultSignalHandler((name) => ignoreMessage(`signal ${name}`, `expected one of ${known}`));
}

/**
 * Runs the handler of a signal. An error of the handler would fail the workflow, or its task for ever, so it is counted as an ignored message.
 * A cancellation is dropped: the workflow receives it anyway, and thrown from here it would close the workflow before its machines are free.
 */
async function handleSignal(message: string, handle: () => void | Promise<void>): Promise<void> {
  try {
    await handle();
  } catch (error) {
    if (!isCancellation(error)) ignoreMessage(message, error);
  }
}

/** Turns invalid input into a failure for the sender. Any other error is a programming error and fails the workflow task. */
function withRefusal<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    return refuse(error);
  }
}

/** The same for an asynchronous handler. */
export const asRefused = <T>(act: () => Promise<T>): Promise<T> => act().catch(refuse);

function refuse(error: unknown): never {
  const isRefusal = error instanceof InvalidInputError || error instanceof Refusal;
  throw isRefusal ? ApplicationFailure.nonRetryable(error.message, 'Refused') : error;
}

function parseArgument<T>(name: string, { shape, whenMissing }: Argument<T>, args: readonly unknown[]): T {
  const what = `the argument of ${name}`;
  if (args.length > 1) {
    const expected = whenMissing === null ? 'one argument' : 'at most one argument';
    throw new InvalidInputError(what, [{ field: '', message: `expected ${expected}, but got ${args.length}` }]);
  }
  if (args[0] === undefined && whenMissing !== null) return whenMissing();
  return parseShape(shape, args[0], what);
}
