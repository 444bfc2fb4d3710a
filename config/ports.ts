import { CommandError, EXIT } from './command-errors.ts';

/** Temporal's own port, where nothing else is asked for. */
export const DEFAULT_TEMPORAL_PORT = 7233;
/** The UI's is so much above, where nothing else is asked for. */
export const UI_PORT_ABOVE = 1000;

/** Port that a person asks for with `ORRERY_TEMPORAL_PORT`; null where nobody does. @throws CommandError 2 when it is no port */
export const temporalPort = (env: NodeJS.ProcessEnv): number | null => portFrom(env, 'ORRERY_TEMPORAL_PORT');

/** Port of the UI that a person asks for with `ORRERY_TEMPORAL_UI_PORT`. @throws CommandError 2 when it is no port */
export const temporalUiPort = (env: NodeJS.ProcessEnv): number | null => portFrom(env, 'ORRERY_TEMPORAL_UI_PORT');

function portFrom(env: NodeJS.ProcessEnv, variable: string): number | null {
  const value = env[variable];
  return value === undefined ? null : parsePort(value, variable);
}

/** @throws CommandError 2 when the text is no port */
export function parsePort(value: string, name: string): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new CommandError(EXIT.usage, `${name}: expected a port from 1 to 65535, but got "${value}"`);
}
