import { Agent, request } from 'undici';
import { CONNECTION_ERRORS } from '../../spec/system-errors.ts';
import { StageExit } from '../runtime/exits.ts';
import { garbage } from './answer.ts';
import { Trouble } from './patience.ts';

/**
 * Connections without limits of their own: an answer that is not streamed sends no byte before its last token, which takes a large model
 * longer than the 300 s that undici waits for headers by default. What a request may take is decided in `policy-endpoint.ts`.
 */
const patientAgent = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } });

/** An answer with a status that is none of success. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  constructor(status: number, words: string) {
    super(`${status} ${words}`);
    this.status = status;
  }
}

/**
 * Sends one request and puts what goes wrong with it into our words. By undici alone, neither `fetch` nor a client of OpenAI: a search sends
 * hundreds of thousands, and either takes longer over one than all the rest of the driver.
 * @param body - sent by POST as JSON; GET without
 * @returns the JSON that came
 * @throws StageExit `InvalidInput` when the server refuses the request as such
 * @throws Trouble for all that may go right another time
 * @throws the reason of the signal
 */
export async function exchange(url: string, path: string, body: object | null, signal: AbortSignal): Promise<unknown> {
  let beganToAnswer = false;
  try {
    const answer = await request(url + path, {
      ...(body === null
        ? { method: 'GET' }
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      ...{ signal, dispatcher: patientAgent },
    });
    beganToAnswer = true;
    const text = await answer.body.text();
    if (answer.statusCode >= 200 && answer.statusCode < 300) return JSON.parse(text);
    throw refusalOf(answer.statusCode, text, url, waitAsked(answer.headers['retry-after']));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StageExit || error instanceof Trouble) throw error;
    if (error instanceof SyntaxError) throw garbage(error.message, error);
    const words = error instanceof Error ? troubleOf(error) : null;
    if (words === null) throw error;
    throw new Trouble(`${beganToAnswer ? 'its answer broke off' : 'it does not answer'}: ${words}`, { cause: error });
  }
}

/** The request is wrong, or too large, and will be again. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422]);

function refusalOf(status: number, text: string, url: string, waitMs: number | null): Error {
  const said = messageIn(text);
  const error = new HttpError(status, (said ?? text.trim().slice(0, 500)) || 'without a word');
  if (!REFUSED.has(status)) {
    return new Trouble(`it does not answer: ${error.message}`, { cause: error, waitMs });
  }
  // A refusal says why, in the shape of OpenAI or of vLLM. Anything else with that status was not written by a policy server.
  if (said === null) return garbage(`HTTP ${error.message}`, error);
  return new StageExit('InvalidInput', `the policy server at ${url} refused a request: ${error.message}`, {
    cause: error,
  });
}

function messageIn(text: string): string | null {
  try {
    const body = JSON.parse(text) as { error?: { message?: unknown }; message?: unknown } | null;
    const message = body?.error?.message ?? body?.message;
    return typeof message === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** The error of connection or protocol that an error is, or has below it, in words. Null where there is none. */
function troubleOf(error: Error): string | null {
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    const code = String((link as NodeJS.ErrnoException).code);
    if (code.startsWith('UND_ERR') || code.startsWith('HPE_') || CONNECTION_ERRORS.has(code))
      return link.message || code;
  }
  return null;
}

/** `Retry-After` in ms, where it is a number of seconds. A date is not looked at: clocks differ, and may be stepped. */
function waitAsked(header: string | string[] | undefined): number | null {
  const seconds = typeof header === 'string' ? Number(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}
