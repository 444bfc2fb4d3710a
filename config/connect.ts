import { type Client, Connection, Client as TemporalClient } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { DEFAULT_TASK_QUEUE, TaskQueueName } from '../installation/queue.ts';
import { CommandError, EXIT, errorMessage } from './command-errors.ts';
import { DEFAULT_TEMPORAL_PORT, temporalPort } from './ports.ts';
import { type RememberedServer, rememberedServer } from './remembered.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Temporal sends a page of a history in one message, and any client can send a workflow signals of 2 MiB each. By
 * default, a gRPC client rejects messages above 4 MiB, which would break the replay before a worker starts. Temporal
 * terminates workflows with a history above 50 MiB.
 */
export const CHANNEL_ARGS = { 'grpc.max_receive_message_length': 128 * 1024 * 1024 } as const;

/** The Temporal server, the namespace and the task queue of this installation. */
export interface ConnectionSettings {
  readonly connectionOptions: ReturnType<typeof loadClientConnectConfig>['connectionOptions'] & { address: string };
  readonly namespace: string;
  readonly taskQueue: string;
  /** The expected id of the namespace when this clone started the server; null when a person names the address. */
  readonly namespaceId: string | null;
}

/**
 * The address comes from the SDK's environment configuration (`TEMPORAL_ADDRESS`, profiles, TLS, API key). Without one,
 * the server is on localhost, at `ORRERY_TEMPORAL_PORT` or else at the port of the server that this clone started last.
 * The remembered namespace and queue belong to that server only; `TEMPORAL_NAMESPACE` and `ORRERY_TASK_QUEUE` override
 * them.
 * @throws CommandError 2 when a port or a queue name is not valid
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

/** The address from `TEMPORAL_ADDRESS` or a profile; null when neither names one. */
export const namedAddress = (env: NodeJS.ProcessEnv = process.env): string | null =>
  configured(env).connectionOptions.address ?? null;

function configured(env: NodeJS.ProcessEnv): ReturnType<typeof loadClientConnectConfig> {
  const set = Object.entries(env).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
}

/** `ORRERY_TASK_QUEUE`; null when it is not set. @throws CommandError 2 when it is not a valid queue name */
export function queueFrom(env: NodeJS.ProcessEnv): string | null {
  const { ORRERY_TASK_QUEUE: name } = env;
  if (!name) return null;
  const parsed = TaskQueueName.safeParse(name);
  if (parsed.success) return parsed.data;
  const problem = parsed.error.issues.map(({ message }) => message).join('; ');
  throw new CommandError(EXIT.usage, `ORRERY_TASK_QUEUE: ${problem}, but got ${JSON.stringify(name.slice(0, 80))}`);
}

/**
 * A client of the Temporal server that the environment names, else of this clone's own server.
 * @throws CommandError 69 when nothing answers, or when another server answers on the port of this clone's server
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
    throw noServer(connectionOptions.address, error);
  }
  const client = new TemporalClient({ connection, namespace });
  try {
    await rejectOtherServer(client, settings);
    return client;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** The error of a command or a worker to which no server answers. */
export const noServer = (address: string, cause: unknown): CommandError =>
  new CommandError(
    EXIT.unavailable,
    `no Temporal server answers at ${address} (${errorMessage(cause)})`,
    'start one with `npm run temporal`, or name another with TEMPORAL_ADDRESS',
    { cause },
  );

/**
 * Checks that the server is the one that this clone started. Another project may have taken the port since.
 * @throws CommandError 69 when it is another server
 */
export async function rejectOtherServer(client: Client, settings: ConnectionSettings): Promise<void> {
  const { namespaceId, namespace, connectionOptions } = settings;
  if (namespaceId === null) return;
  const { address } = connectionOptions;
  const found = await namespaceIdOf(client, namespace).catch(() => null);
  if (found === namespaceId) return;
  throw new CommandError(
    EXIT.unavailable,
    `the Temporal server at ${address} is not the one that this project started there: another program has taken the port`,
    `start this project's server with \`npm run temporal\`, which takes another port; to use the other server, set TEMPORAL_ADDRESS=${address}`,
  );
}

/**
 * The id of a namespace. It is unique across servers and changes when the namespace is recreated.
 * @throws a gRPC error when it is missing
 */
export async function namespaceIdOf(client: Client, namespace: string): Promise<string | null> {
  const { namespaceInfo } = await client.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  return namespaceInfo?.id || null;
}

/** Runs `work` with a client and always closes its connection. */
export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect();
  try {
    return await work(client);
  } finally {
    await client.connection.close();
  }
}
