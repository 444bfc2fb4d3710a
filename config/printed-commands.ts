import { connectionSettings } from './connect.ts';
import { type RememberedServer, rememberedServer } from './remembered.ts';

/** Commands that a person copies. They reach the same Temporal, namespace and queue from any shell. */

/** Variables that say where a campaign is. */
const OF_A_PLACE = ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'ORRERY_TEMPORAL_PORT', 'ORRERY_TASK_QUEUE'];

/**
 * An `orrery` command as it is to be typed: with the variables without which it would look in another place than this process does. Variables of the
 * shell may have been set for one command alone.
 * @param program - how it is called, `npx orrery` for example
 */
export function orreryCommand(
  args: string,
  program = 'orrery',
  env: NodeJS.ProcessEnv = process.env,
  remembered: RememberedServer | null = rememberedServer(),
): string {
  const here = placeOf(env, remembered);
  const bare = Object.fromEntries(Object.entries(env).filter(([name]) => !OF_A_PLACE.includes(name)));
  const found = placeOf(bare, remembered);
  const variables = Object.entries(here).filter(([name, value]) => found[name] !== value);
  return [...variables.map(([name, value]) => `${name}=${quoted(value)}`), program, args].join(' ');
}

function placeOf(env: NodeJS.ProcessEnv, remembered: RememberedServer | null): Record<string, string> {
  const { connectionOptions, namespace, taskQueue } = connectionSettings(env, remembered);
  return {
    TEMPORAL_ADDRESS: connectionOptions.address,
    TEMPORAL_NAMESPACE: namespace,
    ORRERY_TASK_QUEUE: taskQueue,
  };
}

/** The flags of `temporal` and `tctl` that name the server and the namespace. */
export function placeFlags({ connectionOptions, namespace } = connectionSettings()): string {
  return `--address ${quoted(connectionOptions.address)} --namespace ${quoted(namespace)}`;
}

/** A word of a POSIX shell. */
export const quoted = (word: string): string =>
  /^[\w.:/@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** How the queue of this installation is given up. */
export const releaseCommand = (): string => orreryCommand('queue release', 'npx orrery');
