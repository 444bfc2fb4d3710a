import { connectionSettings } from './connect.ts';
import { type RememberedServer, rememberedServer } from './remembered.ts';

/** Commands for a person to copy. They reach the same Temporal server, namespace and queue from any shell. */

/** Variables that select the server, the namespace and the queue of a campaign. */
const LOCATION_VARIABLES = ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'ORRERY_TEMPORAL_PORT', 'ORRERY_TASK_QUEUE'];

/**
 * An `orrery` command for a person to type. It sets the variables without which it would use another server, namespace
 * or queue than this process: a person may have set them for this one command only.
 * @param program - for example `npx orrery`
 */
export function orreryCommand(
  args: string,
  program = 'orrery',
  env: NodeJS.ProcessEnv = process.env,
  remembered: RememberedServer | null = rememberedServer(),
): string {
  const current = locationFrom(env, remembered);
  const bareEnv = Object.fromEntries(Object.entries(env).filter(([name]) => !LOCATION_VARIABLES.includes(name)));
  const byDefault = locationFrom(bareEnv, remembered);
  const variables = Object.entries(current).filter(([name, value]) => byDefault[name] !== value);
  return [...variables.map(([name, value]) => `${name}=${quoted(value)}`), program, args].join(' ');
}

function locationFrom(env: NodeJS.ProcessEnv, remembered: RememberedServer | null): Record<string, string> {
  const { connectionOptions, namespace, taskQueue } = connectionSettings(env, remembered);
  return {
    TEMPORAL_ADDRESS: connectionOptions.address,
    TEMPORAL_NAMESPACE: namespace,
    ORRERY_TASK_QUEUE: taskQueue,
  };
}

/** The flags of `temporal` and `tctl` that name the server and the namespace. */
export function connectionFlags({ connectionOptions, namespace } = connectionSettings()): string {
  return `--address ${quoted(connectionOptions.address)} --namespace ${quoted(namespace)}`;
}

/** Quotes a word for a POSIX shell. */
export const quoted = (word: string): string =>
  /^[\w.:/@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** The command that releases the queue of this installation. */
export const releaseCommand = (): string => orreryCommand('queue release', 'npx orrery');
