import { type Client, Connection, Client as TemporalClient } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DEFAULT_TASK_QUEUE, TaskQueueName } from '../installation/index.ts';
import { CommandError, EXIT, messageOf } from './command-errors.ts';
import { DEFAULT_TEMPORAL_PORT, temporalPort } from './ports.ts';
import { type RememberedServer, rememberedServer } from './remembered.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Temporal answers with a page of a history in one message, and anyone can send a workflow signals of 2 MiB. By default a client refuses
 * messages above 4 MiB, and so would the replay before a worker starts. Temporal ends a history above 50 MiB.
 */
export const CHANNEL_ARGS = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 } as const;

/** Where Temporal is, and the queue of this installation there. */
export interface ConnectionSettings {
  readonly connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'] & { address: string };
  readonly namespace: string;
  readonly taskQueue: string;
  /** The id that the namespace has, where the server is the one that this clone has started. Null where the person names the address. */
  readonly namespaceId: string | null;
}

/**
 * The address is the one that the SDK's environment configuration names (`TEMPORAL_ADDRESS`, profiles, TLS, API key); else this machine's, at
 * `ORRERY_TEMPORAL_PORT`, else at the port of the server that this clone started last. Namespace and queue (`TEMPORAL_NAMESPACE`,
 * `ORRERY_TASK_QUEUE`) are remembered with that server, and for no other.
 * @throws CommandError 2 when a port or a queue is none
 */
export function connectionSettings(
  env: NodeJS.ProcessEnv = process.env,
  remembered: RememberedServer | null = rememberedServer(),
): ConnectionSettings {
  const { connectionOptions, namespace } = configured(env);
  const own = `localhost:${temporalPort(env) ?? remembered?.port ?? DEFAULT_TEMPORAL_PORT}`;
  const address = connectionOptions.address ?? own;
  const known = remembered !== null && address === `localhost:${remembered.port}` ? remembered : null;
  const settings = {
    connectionOptions: { ...connectionOptions, address },
    namespace: namespace ?? known?.namespace ?? 'default',
    taskQueue: queueFrom(env) ?? known?.taskQueue ?? DEFAULT_TASK_QUEUE,
  };
  const isOurs = connectionOptions.address === undefined && known?.namespace === settings.namespace;
  return { ...settings, namespaceId: isOurs ? known.namespaceId : null };
}

/** The address that a person names, by `TEMPORAL_ADDRESS` or in a profile; null where none is named. */
export const namedAddress = (env: NodeJS.ProcessEnv = process.env): string | null =>
  configured(env).connectionOptions.address ?? null;

function configured(env: NodeJS.ProcessEnv): ReturnType<typeof loadClientConnectConfig> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
}

/** `ORRERY_TASK_QUEUE`; null where it is not set. @throws CommandError 2 when it is no name of a queue */
export function queueFrom(env: NodeJS.ProcessEnv): string | null {
  const { ORRERY_TASK_QUEUE: name } = env;
  if (!name) return null;
  const parsed = TaskQueueName.safeParse(name);
  if (parsed.success) return parsed.data;
  const problem = parsed.error.issues.map(({ message }) => message).join('; ');
  throw new CommandError(EXIT.usage, `ORRERY_TASK_QUEUE: ${problem}, but got ${JSON.stringify(name.slice(0, 80))}`);
}

/**
 * A client of the Temporal that the environment names; this clone's own when it names none.
 * @throws CommandError 69 when nothing answers there, or another server has taken the port of this clone's
 */
export async function connect(settings: ConnectionSettings = connectionSettings()): Promise<Client> {
  const { connectionOptions, namespace } = settings;
  let connection: Connection;
  try {
    connection = await Connection.connect({
      ...connectionOptions,
      channelArgs: CHANNEL_ARGS,
      connectTimeout: CONNECT_TIMEOUT_MS,
    });
  } catch (error) {
    throw new CommandError(
      EXIT.unavailable,
      `no Temporal answers at ${connectionOptions.address} (${messageOf(error)})`,
      'start one with `npm run temporal`, or name another with TEMPORAL_ADDRESS',
      { cause: error },
    );
  }
  const client = new TemporalClient({ connection, namespace });
  try {
    await refuseStranger(client, settings);
    return client;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/**
 * Ports are used again: what answers at the port of this clone's server may be another project's.
 * @throws CommandError 69 when it is
 */
export async function refuseStranger(client: Client, settings: ConnectionSettings): Promise<void> {
  const { namespaceId, namespace, connectionOptions } = settings;
  if (namespaceId === null) return;
  const { address } = connectionOptions;
  const found = await namespaceIdOf(client, namespace).catch(() => null);
  if (found === namespaceId) return;
  throw new CommandError(
    EXIT.unavailable,
    `the Temporal at ${address} is not the one that this project started there: another program has taken the port`,
    `start this project's own with \`npm run temporal\`, which takes another port; TEMPORAL_ADDRESS=${address} means the one that answers`,
  );
}

/** The id of a namespace: no other server, and no namespace made anew, has it. @throws the gRPC error where there is none */
export async function namespaceIdOf(client: Client, namespace: string): Promise<string | null> {
  const { namespaceInfo } = await client.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  return namespaceInfo?.id || null;
}

/** Runs `work` with a client, and closes its connection whatever happens. */
export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect();
  try {
    return await work(client);
  } finally {
    await client.connection.close();
  }
}
