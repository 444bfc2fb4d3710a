/**
 * Sets the handlers of messages. When the argument of a message is invalid, or the workflow cannot follow the message:
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
import { type CampaignStatus, InvalidInputError } from '../spec/index.ts';
import { ignoreMessage } from './ignored.ts';
import { Refusal } from './input/refusal.ts';
import { parseShape } from './input/shape.ts';
import type { Argument, Message, Messages } from './messages.ts';

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
 * Runs the handler of a signal. An error of the handler would fail the workflow, or its task for ever, so it is counted
 * as an ignored message. A cancellation is dropped: the workflow receives it anyway, and thrown from here it would
 * close the workflow before its machines are free.
 */
async function handleSignal(message: string, handle: () => void | Promise<void>): Promise<void> {
  try {
    await handle();
  } catch (error) {
    if (!isCancellation(error)) ignoreMessage(message, error);
  }
}

/**
 * Turns invalid input into a failure for the sender. Any other error is a programming error and fails the workflow
 * task.
 */
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
