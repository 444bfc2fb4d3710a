/**
 * The one error of everything that asks the API server.
 *
 * `status` is the HTTP status, null where there was no answer. `retryable`: the same request may succeed later, by itself.
 */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** What was asked, for example `create Job tiny-search-...`. */
  readonly operation: string;
  readonly status: number | null;
  readonly retryable: boolean;
  /** How long the server asks to be left alone; null where it does not say. */
  readonly retryAfterSeconds: number | null;

  constructor(operation: string, told: Told, cause: unknown) {
    super(`${operation}: ${told.words}`, { cause });
    this.operation = operation;
    this.status = told.status;
    this.retryable = isRetryable(told);
    this.retryAfterSeconds = told.retryAfterSeconds;
  }
}

/** What the server, or the network, said. */
export interface Told {
  readonly status: number | null;
  readonly words: string;
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

/** Refusals that are of the moment, although their status says that the request is wrong. */
export const RETRYABLE_WORDS: readonly { readonly pattern: RegExp; readonly why: string }[] = [
  { pattern: /exceeded quota/, why: 'a quota of the namespace is used up: others give it back' },
  { pattern: /being terminated/, why: 'the namespace is being removed, and may be made again' },
  { pattern: /RBAC: .*not found/, why: 'an API server that has just started has not read its roles yet' },
  { pattern: /failed calling webhook/, why: 'an admission webhook does not answer' },
  { pattern: /timeout|timed out/i, why: 'something behind the server was too slow' },
];

function isRetryable({ status, words }: Told): boolean {
  if (status === null || status in RETRYABLE_STATUS) return true;
  return RETRYABLE_WORDS.some(({ pattern }) => pattern.test(words));
}

/** Whether the server refused the request for good: the manifest is wrong, or the worker may not do this. */
export const isRefusal = (error: unknown): error is KubeError => error instanceof KubeError && !error.retryable;

export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof KubeError && error.status === status;

/** What was thrown by the client library, as one error. */
export function kubeError(operation: string, thrown: unknown): KubeError {
  if (thrown instanceof KubeError) return thrown;
  return new KubeError(operation, told(thrown), thrown);
}

function told(thrown: unknown): Told {
  const { code, body, headers, statusCode } = thrown as Partial<Record<string, unknown>>;
  // Below 100 it is no status: an exception of the DOM has a code too.
  const status =
    ([code, statusCode].find((one) => typeof one === 'number' && one >= 100) as number | undefined) ?? null;
  const retryAfter = Number((headers as Record<string, string> | undefined)?.['retry-after']);
  return {
    status,
    words: status === null ? networkWords(thrown) : (messageOfStatus(body) ?? `the API server answered ${status}`),
    retryAfterSeconds: Number.isFinite(retryAfter) && retryAfter > 0 ? retryAfter : null,
  };
}

/** `fetch failed` says nothing; what is behind it does. */
function networkWords(thrown: unknown): string {
  const words: string[] = [];
  for (let error = thrown; error instanceof Error && words.length < 4; error = error.cause) {
    const { message, code } = error as NodeJS.ErrnoException;
    if (message !== '' && message !== 'fetch failed') words.push(message);
    else if (code !== undefined) words.push(code);
  }
  return `no answer from the API server${words.length === 0 ? '' : `: ${[...new Set(words)].join(': ')}`}`;
}

/** The message of a `Status` object, which the client library hands on as text or parsed. */
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
