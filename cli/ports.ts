import { CommandError, EXIT } from './errors.ts';

/** Port of this project's Temporal: `ORRERY_TEMPORAL_PORT`, else Temporal's own. @throws CommandError 2 when it is no port */
export const temporalPort = (): number => portFrom('ORRERY_TEMPORAL_PORT', 7233);

/** Port of its UI: `ORRERY_TEMPORAL_UI_PORT`, else 1000 above that of the service. @throws CommandError 2 when it is no port */
export const temporalUiPort = (port: number): number => portFrom('ORRERY_TEMPORAL_UI_PORT', port + 1000);

function portFrom(variable: string, otherwise: number): number {
  const value = process.env[variable];
  return value === undefined ? otherwise : parsePort(value, variable);
}

/** @throws CommandError 2 when the text is no port */
export function parsePort(value: string, name: string): number {
  const port = Number(value);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new CommandError(EXIT.usage, `${name}: expected a port from 1 to 65535, but got "${value}"`);
}
