import OpenAI from 'openai';
import { Agent } from 'undici';
import { CONNECTION_TROUBLE, StageExit } from './exits.ts';
import { LONGEST_TIMER_MS, Trouble } from './patience.ts';
import { garbage } from './policy-answer.ts';

/**
 * Connections without limits of their own: an answer that is not streamed sends no byte before its last token, which takes a large model
 * longer than the 300 s that undici waits for headers by default. What a request may take is decided in `policy.ts`.
 */
const patientAgent = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } });

/** A client that neither gives up nor asks again by itself: both are ours to decide (and its own waits do not end with the stage). */
export const clientOf = (url: string): OpenAI =>
  new OpenAI({
    baseURL: `${url}/v1`,
    apiKey: 'none', // the server stands in our own pod
    maxRetries: 0,
    timeout: LONGEST_TIMER_MS,
    fetchOptions: { dispatcher: patientAgent },
  });

/**
 * Does a request and puts what goes wrong with it into our words.
 * @throws StageExit `InvalidInput` when the server refuses the request as such
 * @throws Trouble for all that may go right another time
 * @throws the reason of the signal
 */
export async function orTrouble<T>(request: () => Promise<T>, signal: AbortSignal, url: string): Promise<T> {
  try {
    return await request();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OpenAI.BadRequestError || error instanceof OpenAI.UnprocessableEntityError) {
      if (!isRefusal(error)) throw garbage(`HTTP ${error.message}`, error);
      throw new StageExit('InvalidInput', `the policy server at ${url} refused a request: ${error.message}`, {
        cause: error,
      });
    }
    if (error instanceof OpenAI.APIError) {
      const why = rootOf(error);
      throw new Trouble(`it does not answer: ${error.message}${why === null ? '' : ` (${why})`}`, {
        cause: error,
        waitMs: waitAsked(error.headers),
      });
    }
    if (error instanceof SyntaxError) throw garbage(error.message, error);
    // The connection broke off in the middle of the answer.
    const broken = error instanceof Error ? rootOf(error) : null;
    if (broken !== null) throw new Trouble(`its answer broke off: ${broken}`, { cause: error });
    throw error;
  }
}

/** A refusal says why, in the shape of OpenAI or of vLLM. Anything else with status 400 was not written by a policy server. */
function isRefusal({ error }: InstanceType<typeof OpenAI.APIError>): boolean {
  return typeof (error as { message?: unknown } | null | undefined)?.message === 'string';
}

/** The error of connection or protocol below an error, in words. Null where there is none. */
function rootOf(error: Error): string | null {
  for (let link: unknown = error.cause; link instanceof Error; link = link.cause) {
    const code = String((link as NodeJS.ErrnoException).code);
    if (code.startsWith('UND_ERR') || code.startsWith('HPE_') || CONNECTION_TROUBLE.has(code))
      return link.message || code;
  }
  return null;
}

/** `Retry-After` in ms, where it is a number of seconds. A date is not looked at: clocks differ, and may be stepped. */
function waitAsked(headers: Headers | undefined): number | null {
  const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}
