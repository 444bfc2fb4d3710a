/**
 * The error of every failed request to the API server.
 *
 * `status` is the HTTP status, null without an answer. `retryable`: the same request may succeed later without a
 * change.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The request, for example `create Job tiny-search-...`. */
  readonly operation: string;
  readonly status: number | null;
  readonly retryable: boolean;
  /** How long the server asks clients to wait; null if it does not say. */
  readonly retryAfterSeconds: number | null;

  constructor(operation: string, answer: ServerAnswer, cause: unknown) {
    super(`${operation}: ${answer.message}`, { cause });
    this.operation = operation;
    this.status = answer.status;
    this.retryable = isRetryable(answer);
    this.retryAfterSeconds = answer.retryAfterSeconds;
  }
}

/** The answer of the server, or the error of the network. */
export interface ServerAnswer {
  readonly status: number | null;
  readonly message: string;
  readonly retryAfterSeconds: number | null;
}

/** Answers after which the same request may succeed. */
export const RETRYABLE_STATUS: Readonly<Record<number, string>> = {
  408: 'the server gave up waiting for the request',
  409: 'somebody else changed the object at the same time',
  429: 'too many requests: priority and fairness, or an eviction that is not allowed now',
  500: 'the server has a fault, or its etcd does not answer',
  502: 'a proxy before the server does not reach it',
  503: 'the server starts, or is overloaded',
  504: 'the server did not answer in time',
};

/** Temporary refusals whose status says that the request is wrong. */
export const RETRYABLE_MESSAGES: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  { pattern: /exceeded quota/, why: 'a quota of the namespace is used up: it is free again when other Jobs end' },
  { pattern: /being terminated/, why: 'the namespace is being removed, and may be created again' },
  { pattern: /RBAC: .*not found/, why: 'an API server that has just started has not read its roles yet' },
  { pattern: /failed calling webhook/, why: 'an admission webhook does not answer' },
  { pattern: /timeout|timed out/i, why: 'something behind the server was too slow' },
];

function isRetryable({ status, message }: ServerAnswer): boolean {
  if (status === null || status in RETRYABLE_STATUS) return true;
  return RETRYABLE_MESSAGES.some(({ pattern }) => pattern.test(message));
}

/** Whether the server refused the request for good: the manifest is wrong, or the worker lacks the right. */
export const isRefusal = (error: unknown): error is KubeError => error instanceof KubeError && !error.retryable;

export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof KubeError && error.status === status;

/** Turns an exception of the client library into a KubeError. */
export function kubeError(operation: string, thrown: unknown): KubeError {
  if (thrown instanceof KubeError) return thrown;
  return new KubeError(operation, answerOf(thrown), thrown);
}

function answerOf(thrown: unknown): ServerAnswer {
  const { code, body, headers, statusCode } = thrown as Partial<Record<string, unknown>>;
  // DOM exceptions have codes too, all below 100.
  const status =
    ([code, statusCode].find((one) => typeof one === 'number' && one >= 100) as number | undefined) ?? null;
  const retryAfter = Number((headers as Record<string, string> | undefined)?.['retry-after']);
  return {
    status,
    message: status === null ? networkMessage(thrown) : (messageOfStatus(body) ?? `the API server answered ${status}`),
    retryAfterSeconds: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  };
}

/** The message and the causes of a network error: `fetch failed` alone says nothing. */
function networkMessage(thrown: unknown): string {
  const messages: string[] = [];
  for (let error = thrown; error instanceof Error && messages.length < 4; error = error.cause) {
    const { message, code } = error as NodeJS.ErrnoException;
    if (message !== '' && message !== 'fetch failed') messages.push(message);
    else if (code !== undefined) messages.push(code);
  }
  return `no answer from the API server${messages.length === 0 ? '' : `: ${[...new Set(messages)].join(': ')}`}`;
}

/** The message of a `Status` object. The client library passes it as text or parsed. */
function messageOfStatus(body: unknown): string | null {
  if (typeof body === 'string') {
    try {
      return messageOfStatus(JSON.parse(body)) ?? body.trim().slice(0, 500);
    } catch {
      return body.trim() === '' ? null : body.trim().slice(0, 500);
    }
  }
  const { message } = (body ?? {}) as { message?: unknown };
  return typeof message === 'string' && message !== '' ? message : null;
}
