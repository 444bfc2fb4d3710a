import { type Client, Connection, Client as TemporalClient } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { CommandError, EXIT, messageOf } from './errors.ts';
import { temporalPort } from './ports.ts';

/** Task queue of the worker. */
export const TASK_QUEUE = 'orrery';
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Where Temporal is, as the SDK's environment configuration says: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, profiles, TLS, API key.
 * Where it names no address, this project's own on this machine.
 */
export function connectionSettings() {
  const { connectionOptions, namespace } = loadClientConnectConfig();
  return {
    connectionOptions: { ...connectionOptions, address: connectionOptions.address ?? `localhost:${temporalPort()}` },
    namespace: namespace ?? 'default',
  };
}

/**
 * A client of the Temporal that the environment names; this machine's when it names none.
 * @throws CommandError 69 when nothing answers there
 */
export async function connect(): Promise<Client> {
  const { connectionOptions, namespace } = connectionSettings();
  try {
    const connection = await Connection.connect({ ...connectionOptions, connectTimeout: CONNECT_TIMEOUT_MS });
    return new TemporalClient({ connection, namespace });
  } catch (error) {
    throw new CommandError(
      EXIT.unavailable,
      `no Temporal answers at ${connectionOptions.address} (${messageOf(error)})`,
      'start one with `npm run temporal`, or name another with TEMPORAL_ADDRESS',
      { cause: error },
    );
  }
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
