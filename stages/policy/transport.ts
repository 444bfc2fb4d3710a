import { Agent, request } from 'undici';
import { CONNECTION_ERRORS } from '../../spec/system-errors.ts';
import { StageExit } from '../runtime/exits.ts';
import { malformedAnswer } from './answer.ts';
import { TransientError } from './retry.ts';

/**
 * Connections without their own time limits. An answer that is not streamed sends no byte before its last token, and a
 * large model may need longer for it than undici's default of 300 s. `endpoint.ts` limits the time of a request.
 */
const patientAgent = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } });

/** An answer with a status other than success. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  constructor(status: number, text: string) {
    super(`${status} ${text}`);
    this.status = status;
  }
}

/**
 * Sends one request, and translates its errors. It uses undici directly: a search sends hundreds of thousands of
 * requests, and `fetch` or an OpenAI client takes longer for one than the rest of the driver together.
 * @param body - sent by POST as JSON; without a body, the request is a GET
 * @returns the parsed JSON of the answer
 * @throws StageExit `InvalidInput` when the server refuses the request itself
 * @throws TransientError when a retry may succeed
 * @throws the reason of the signal
 */
export async function exchange(url: string, path: string, body: object | null, signal: AbortSignal): Promise<unknown> {
  let beganToAnswer = false;
  try {
    const answer = await request(url + path, {
      ...(body === null
        ? { method: 'GET' }
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      signal,
      dispatcher: patientAgent,
    });
    beganToAnswer = true;
    const text = await answer.body.text();
    if (answer.statusCode >= 200 && answer.statusCode < 300) return JSON.parse(text);
    throw refusalOf(answer.statusCode, text, url, retryAfterMs(answer.headers['retry-after']));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StageExit || error instanceof TransientError) throw error;
    if (error instanceof SyntaxError) throw malformedAnswer(error.message, error);
    const description = error instanceof Error ? connectionErrorIn(error) : null;
    if (description === null) throw error;
    const what = beganToAnswer ? 'its answer broke off' : 'it does not answer';
    throw new TransientError(`${what}: ${description}`, { cause: error });
  }
}

/** The request is wrong or too large. A retry would be refused too. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 422]);

function refusalOf(status: number, text: string, url: string, waitMs: number | null): Error {
  const serverMessage = messageIn(text);
  const error = new HttpError(status, (serverMessage ?? text.trim().slice(0, 500)) || 'without a message');
  if (!REFUSED.has(status)) {
    return new TransientError(`it does not answer: ${error.message}`, { cause: error, waitMs });
  }
  // A policy server gives its reason in the format of OpenAI or vLLM. Any other body comes from something else, such as
  // a proxy.
  if (serverMessage === null) return malformedAnswer(`HTTP ${error.message}`, error);
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

/** Message of the connection or protocol error in an error's chain of causes; null when there is none. */
function connectionErrorIn(error: Error): string | null {
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    const code = String((link as NodeJS.ErrnoException).code);
    if (code.startsWith('UND_ERR') || code.startsWith('HPE_') || CONNECTION_ERRORS.has(code))
      return link.message || code;
  }
  return null;
}

/** `Retry-After` in ms, when it is a number of seconds. A date is ignored, because clocks differ and may jump. */
function retryAfterMs(header: string | string[] | undefined): number | null {
  const seconds = typeof header === 'string' ? Number(header) : Number.NaN;
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}
