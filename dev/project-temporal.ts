import { Client, Connection } from '@temporalio/client';
import getPort from 'get-port';
import { CommandError, EXIT, errorMessage } from '../config/command-errors.ts';
import { namespaceIdOf, queueFrom } from '../config/connect.ts';
import { inOrrery } from '../config/paths.ts';
import { DEFAULT_TEMPORAL_PORT, temporalPort, temporalUiPort, UI_PORT_ABOVE } from '../config/ports.ts';
import { CONNECTION_FILE, type RememberedServer, rememberedServer, rememberServer } from '../config/remembered.ts';
import { DEFAULT_TASK_QUEUE } from '../installation/index.ts';
import { readPidFile } from './processes.ts';
import { ensureTemporal, type TemporalOptions, type TemporalServer } from './temporal-server.ts';

/** Files of this clone's server. */
export interface ServerFiles {
  readonly database: string;
  readonly logFile: string;
  readonly pidFile: string;
  /** See config/remembered.ts. */
  readonly connectionFile: string;
}

export const SERVER_FILES: ServerFiles = {
  database: inOrrery('temporal', 'temporal.db'),
  logFile: inOrrery('logs', 'temporal.log'),
  pidFile: inOrrery('temporal', 'server.pid'),
  connectionFile: CONNECTION_FILE,
};

/** Ports that a person requested; null lets the project choose. */
export interface WantedPorts {
  readonly port: number | null;
  readonly uiPort: number | null;
}

export interface ProjectTemporal extends TemporalServer {
  readonly place: RememberedServer;
}

/** Another program may take a chosen port first. */
const TRIES = 3;

/**
 * Starts or finds the Temporal server of this clone, and remembers it for later commands. Without requested ports it
 * uses the remembered ones, else Temporal's default ports, else free ones. It never takes the port of another program.
 * @param say - prints a message when the server moves to other ports
 * @throws CommandError 69 when a requested port is taken, or the server does not start
 */
export async function startProjectTemporal(
  wanted: Partial<WantedPorts> = {},
  env: NodeJS.ProcessEnv = process.env,
  files: ServerFiles = SERVER_FILES,
  say: (line: string) => void = (line) => console.error(`orrery: ${line}`),
): Promise<ProjectTemporal> {
  const remembered = rememberedServer(files.connectionFile);
  const asked: WantedPorts = {
    port: wanted.port ?? temporalPort(env),
    uiPort: wanted.uiPort ?? temporalUiPort(env),
  };
  const namespace = env.TEMPORAL_NAMESPACE || remembered?.namespace || 'default';
  const taskQueue = queueFrom(env) ?? remembered?.taskQueue ?? DEFAULT_TASK_QUEUE;
  for (let tries = 1; ; tries += 1) {
    const ports = await choosePorts(asked, remembered, readPidFile(files.pidFile, 'temporal') !== null);
    const options: TemporalOptions = { ...files, ...ports, namespace, detached: true };
    try {
      const server = await ensureTemporal(options);
      const namespaceId = await idAt(server.address, namespace);
      const place = { ...ports, namespace, namespaceId, taskQueue };
      if (asked.port === null && remembered !== null && remembered.port !== ports.port) {
        say(`Temporal moves from port ${remembered.port}, which another program has taken, to ${ports.port}`);
      }
      rememberServer(place, files.connectionFile);
      return { ...server, place };
    } catch (error) {
      if (asked.port !== null || tries === TRIES) throw error;
      say(`${errorMessage(error).split('\n')[0]}; trying other ports`);
    }
  }
}

/** @param runs - whether this clone's server runs. It then uses the remembered ports itself. */
async function choosePorts(
  asked: WantedPorts,
  remembered: RememberedServer | null,
  runs: boolean,
): Promise<{ port: number; uiPort: number }> {
  const free = async (wish: number): Promise<number> => (runs ? wish : await getPort({ port: wish }));
  const port = asked.port ?? (await free(remembered?.port ?? DEFAULT_TEMPORAL_PORT));
  const usual = remembered?.port === port ? remembered.uiPort : port + UI_PORT_ABOVE;
  return { port, uiPort: asked.uiPort ?? (await free(usual > 65_535 ? 0 : usual)) };
}

async function idAt(address: string, namespace: string): Promise<string> {
  const connection = await Connection.connect({ address });
  try {
    const id = await namespaceIdOf(new Client({ connection, namespace }), namespace);
    if (id !== null) return id;
    throw new CommandError(
      EXIT.unavailable,
      `the Temporal server at ${address} does not report the id of its namespace`,
    );
  } finally {
    await connection.close();
  }
}
