import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, type Dispatcher, request } from 'undici';
import { LOOPBACK_HOSTS } from '../spec/location.ts';
import { CONNECTION_ERRORS, codeOf, remedyOf } from '../spec/system-errors.ts';
import { InputUnavailableError, WrongInputError } from './errors.ts';
import { lookupFor, PrivateHostError, refusalOfHost } from './hosts.ts';
import { type InputRules, settingOfHost } from './rules.ts';

/**
 * Limits of a fetch. A server that exceeds a time limit counts as unavailable, and another attempt tries again. *Ours*.
 */
const LIMITS = {
  redirects: 5,
  connectMs: 15_000,
  /** Maximum time without data, before and within the response. */
  silenceMs: 60_000,
  /** Minimum number of bytes in every `slowMs`. A slower response could keep the stage for weeks. */
  slowBytes: 16 << 10,
  slowMs: 60_000,
};
export type FetchLimits = typeof LIMITS;

export interface FetchOptions {
  readonly rules: InputRules;
  readonly signal: AbortSignal;
  /** Called as bytes arrive. */
  readonly onBytes: (done: number, total: number | null) => void;
  /** For tests: overrides of the default limits. */
  readonly limits?: Partial<FetchLimits>;
}

/** Whether a response status is final, so that another attempt would get the same. */
const isRefusal = (status: number): boolean => status >= 400 && status < 500 && ![408, 425, 429].includes(status);

/**
 * Fetches an address into a file and returns the sha256 of the content. Redirects are followed only to https. No
 * message contains an address from a server, because it may be signed.
 * @throws WrongInputError if the server refuses, sends too much, or is not allowed; InputUnavailableError if the server
 *   cannot be reached or the connection breaks; the error of the operating system if the file cannot be written
 */
export async function fetchTo(
  address: string,
  path: string,
  { rules, signal, onBytes, ...given }: FetchOptions,
): Promise<string> {
  const limits = { ...LIMITS, ...given.limits };
  let url = new URL(address);
  for (let hops = 0; ; hops += 1) {
    const refusal = refusalOfHost(url, rules);
    if (refusal !== null) throw new WrongInputError(refusal);
    await using agent = agentFor(url, rules, limits);
    const answer = await ask(agent.dispatcher, url, rules, signal);
    const { statusCode, headers } = answer;
    if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
      answer.body.on('error', () => {}).destroy();
      if (hops >= limits.redirects) throw new WrongInputError(`expected at most ${limits.redirects} redirects`);
      url = redirected(url, String(headers.location));
      continue;
    }
    if (statusCode !== 200) {
      answer.body.on('error', () => {}).destroy();
      throw refusalOf(statusCode, url);
    }
    return await save(answer, path, { rules, signal, onBytes, limits });
  }
}

function agentFor(url: URL, rules: InputRules, limits: FetchLimits) {
  const dispatcher = new Agent({
    headersTimeout: limits.silenceMs,
    bodyTimeout: limits.silenceMs,
    connections: 1,
    connect: { timeout: limits.connectMs, lookup: lookupFor(url, rules) },
  });
  return { dispatcher, [Symbol.asyncDispose]: () => dispatcher.destroy() };
}

async function ask(dispatcher: Dispatcher, url: URL, rules: InputRules, signal: AbortSignal) {
  const own = settingOfHost(url, (host) => rules.headers.get(host)) ?? {};
  try {
    return await request(url.href, { dispatcher, signal, headers: { 'accept-encoding': 'identity', ...own } });
  } catch (error) {
    throw classified(error, signal, 'could not be reached');
  }
}

/** The target of a redirect. @throws WrongInputError if it is not allowed */
function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : null;
  const isAllowed =
    to?.protocol === 'https:' ||
    (to?.protocol === 'http:' && from.protocol === 'http:' && LOOPBACK_HOSTS.has(to.hostname));
  if (to === null || !isAllowed || to.username !== '' || to.password !== '') {
    throw new WrongInputError('expected redirects to https:// addresses, but the server sent another address');
  }
  return to;
}

function refusalOf(status: number, { host }: URL): Error {
  const wants =
    status === 401 || status === 403 ? '; set headers for this host in ORRERY_DATA_HEADERS of the worker' : '';
  const message = `expected a file of problems, but ${host} answered ${status}${wants}`;
  return isRefusal(status) || status < 400 ? new WrongInputError(message) : new InputUnavailableError(message);
}

async function save(
  { body, headers }: Dispatcher.ResponseData,
  path: string,
  { rules, signal, onBytes, limits }: Omit<FetchOptions, 'limits'> & { limits: FetchLimits },
): Promise<string> {
  const total = Number(headers['content-length']) || null;
  const hash = createHash('sha256');
  let done = 0;
  const tooMuch = new WrongInputError(`expected a file of at most ${rules.maxBytes} bytes (ORRERY_DATA_MAX_GIB)`);
  if (total !== null && total > rules.maxBytes) {
    body.on('error', () => {}).destroy();
    throw tooMuch;
  }
  const counting = new Transform({
    transform(chunk: Buffer, _, next) {
      done += chunk.length;
      if (done > rules.maxBytes) return next(tooMuch);
      hash.update(chunk);
      onBytes(done, total);
      next(null, chunk);
    },
  });
  const slow = new AbortController();
  let before = 0;
  const timer = setInterval(() => {
    if (done - before < limits.slowBytes) slow.abort(new Error(`it sent less than ${limits.slowBytes} bytes a minute`));
    before = done;
  }, limits.slowMs);
  try {
    await pipeline(body, counting, createWriteStream(path), { signal: AbortSignal.any([signal, slow.signal]) });
  } catch (error) {
    if (error === tooMuch) throw error;
    const why = slow.signal.aborted && !signal.aborted ? slow.signal.reason : error;
    throw classified(why, signal, 'broke off');
  } finally {
    clearInterval(timer);
  }
  return hash.digest('hex');
}

/** Whether the certificate of the server is the cause, which a retry does not fix. */
const isCertificateError = (code: string): boolean => /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code);

/**
 * The error for a failed request. Its message contains only the error code, because the original message may contain
 * addresses.
 */
function classified(error: unknown, signal: AbortSignal, what: string): unknown {
  signal.throwIfAborted();
  const causes: unknown[] = [];
  for (let link: unknown = error; link instanceof Error && !causes.includes(link); link = link.cause) causes.push(link);
  const refused = causes.find((cause) => cause instanceof PrivateHostError);
  if (refused !== undefined) return new WrongInputError((refused as Error).message);
  const code = causes.map(codeOf).find((one) => one !== '') ?? '';
  if (isCertificateError(code)) {
    return new WrongInputError(
      `expected a server whose certificate is trusted (${code}); NODE_EXTRA_CA_CERTS can name a file with further authorities`,
    );
  }
  if (!CONNECTION_ERRORS.has(code) && remedyOf(error, 'store') !== null) return error; // an error of the disk
  return new InputUnavailableError(`${what}: ${code === '' && error instanceof Error ? error.message : code}`, {
    cause: error,
  });
}
