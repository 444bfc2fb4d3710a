import { CommandError, EXIT } from './command-errors.ts';

/** The default port of Temporal. */
export const DEFAULT_TEMPORAL_PORT = 7233;
/** The default port of the UI is Temporal's port plus this. */
export const UI_PORT_ABOVE = 1000;

/** The port from `ORRERY_TEMPORAL_PORT`; null when it is not set. @throws CommandError 2 when it is not a port */
export const temporalPort = (env: NodeJS.ProcessEnv): number | null => portFrom(env, 'ORRERY_TEMPORAL_PORT');

/**
 * The UI's port from `ORRERY_TEMPORAL_UI_PORT`; null when it is not set.
 * @throws CommandError 2 when it is not a port
 */
export const temporalUiPort = (env: NodeJS.ProcessEnv): number | null => portFrom(env, 'ORRERY_TEMPORAL_UI_PORT');

function portFrom(env: NodeJS.ProcessEnv, variable: string): number | null {
  const value = env[variable];
  return value === undefined ? null : parsePort(value, variable);
}

/** @throws CommandError 2 when the text is not a port */
export function parsePort(value: string, name: string): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new CommandError(EXIT.usage, `${name}: expected a port from 1 to 65535, but got "${value}"`);
}
