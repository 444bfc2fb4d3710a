/** Paths (of pino's `redact`) whose values never reach a log: neither the worker's nor those that stages leave in the store. */
export const SECRET_PATHS: readonly string[] = ['token', 'apiKey', 'password', 'secret', 'authorization'].flatMap(
  (name) => [name, `*.${name}`],
);
