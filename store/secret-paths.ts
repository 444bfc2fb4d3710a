/** Paths for `redact` of pino. Their values never appear in a log of the worker or of a stage. */
export const SECRET_PATHS: readonly string[] = ['token', 'apiKey', 'password', 'secret', 'authorization'].flatMap(
  (name) => [name, `*.${name}`],
);
