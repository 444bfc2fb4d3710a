import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { CommandError, EXIT } from '../config/command-errors.ts';
import { isInstalled, TEMPORAL } from '../config/paths.ts';
import { SEARCH_ATTRIBUTES } from '../spec/index.ts';
import { isAlive, readPidFile, readPidFileNote, stopProcess, writePidFile } from './processes.ts';

/** The Temporal development server on this machine (`temporal server start-dev`). */
export interface TemporalServer {
  /** Address of the gRPC service, `host:port`. */
  readonly address: string;
  readonly uiAddress: string;
  /** Whether this call started it. */
  readonly started: boolean;
  /** Stops the server if this project started it. */
  stop(): Promise<void>;
}

export interface TemporalOptions {
  readonly port: number;
  readonly uiPort: number;
  /** Database file; null keeps everything in memory. */
  readonly database: string | null;
  readonly logFile: string;
  readonly pidFile: string;
  /** Whether the server outlives this process. */
  readonly detached: boolean;
  /** Namespace that must answer. It is created when missing. The default is `default`. */
  readonly namespace?: string;
}

const HOST = '127.0.0.1';
const DEFAULT_NAMESPACE = 'default';
/** The server prints this when it listens on its ports. Before that, another server may be the one that answers. */
const UP = 'Temporal Server:';
const START_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 3_000;
const STOP_GRACE_MS = 10_000;

/**
 * Starts the server, or finds the one with this pid file. It never joins another Temporal server that answers on the
 * port.
 * @throws CommandError 69 when another program has taken a port, or when the server does not start
 */
export async function ensureTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const { port, uiPort, pidFile, namespace = DEFAULT_NAMESPACE, logFile } = options;
  const address = `localhost:${port}`;
  const server = {
    address,
    uiAddress: `http://localhost:${uiPort}`,
    async stop() {
      await stopTemporal(options);
    },
  };
  const running = readPidFile(pidFile, 'temporal');
  if (running !== null) {
    const held = Number(readPidFileNote(pidFile) || port);
    if (held !== port) {
      throw new CommandError(
        EXIT.unavailable,
        `a Temporal server of this project runs already, on port ${held} and not on ${port}`,
        'stop it with `npm run temporal -- --stop`, or use its port',
      );
    }
    await untilHealthy({ address, namespace, logFile, isAlive: () => isAlive(running), isUp: () => true });
    return { ...server, started: false };
  }
  if (await isListening(port)) {
    const by = (await answers(address, namespace)) ? 'another Temporal' : 'something that is no Temporal';
    throw taken(port, 'ORRERY_TEMPORAL_PORT', by);
  }
  if (await isListening(uiPort)) throw taken(uiPort, 'ORRERY_TEMPORAL_UI_PORT', 'another program');
  if (!isInstalled(TEMPORAL)) {
    throw new CommandError(EXIT.unavailable, `there is no ${TEMPORAL}`, 'install it with `npm run setup`');
  }

  const logged = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  const child = spawnServer(options, namespace);
  writePidFile(pidFile, child.pid, `${port}`);
  const isUp = () => readFileSync(logFile).subarray(logged).includes(UP);
  try {
    await untilHealthy({ address, namespace, logFile, isAlive: () => isAlive(child.pid), isUp });
  } catch (error) {
    child.kill('SIGKILL');
    rmSync(pidFile, { force: true });
    throw error;
  }
  return { ...server, started: true };
}

function spawnServer({ port, uiPort, database, logFile, detached }: TemporalOptions, namespace: string): ChildProcess {
  for (const file of [logFile, database ?? logFile]) mkdirSync(dirname(file), { recursive: true });
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]);
  const args = [
    ...['server', 'start-dev', '--ip', HOST, '--port', `${port}`, '--ui-port', `${uiPort}`, '--namespace', namespace],
    ...(database === null ? [] : ['--db-filename', database]),
    ...attributes,
    // By default it looks for due tasks at most 20 times a second, and under load every hop waits for a beat of 50 ms
    // (bench/dead-time.ts).
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
    ...['--log-level', 'warn'],
  ];
  const log = openSync(logFile, 'a');
  const child = spawn(TEMPORAL, args, { detached, stdio: ['ignore', log, log] });
  closeSync(log);
  if (detached) child.unref();
  else process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

interface Starting {
  readonly address: string;
  readonly namespace: string;
  readonly logFile: string;
  readonly isAlive: () => boolean;
  /** Whether what answers at the address is this server. */
  readonly isUp: () => boolean;
}

/** Waits until the namespace answers; gives up at once when the server has ended: its log says why. */
async function untilHealthy({ address, namespace, logFile, isAlive, isUp }: Starting): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && isAlive()) {
    if (isUp() && (await answers(address, namespace))) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const said = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new CommandError(EXIT.unavailable, `Temporal did not start:\n${said}`, `the whole log is ${logFile}`);
}

/** Whether a Temporal with the namespace answers at the address. */
async function answers(address: string, namespace: string): Promise<boolean> {
  let connection: Connection | null = null;
  try {
    connection = await Connection.connect({ address, connectTimeout: PROBE_TIMEOUT_MS });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
      workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

/** Ends the server that was started with these settings. @returns whether there was one */
export async function stopTemporal({ pidFile }: Pick<TemporalOptions, 'pidFile'>): Promise<boolean> {
  const pid = readPidFile(pidFile, 'temporal');
  if (pid === null) return false;
  await stopProcess(pid, STOP_GRACE_MS);
  rmSync(pidFile, { force: true });
  return true;
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connectSocket({ port, host: HOST, timeout: PROBE_TIMEOUT_MS });
    const answer = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(true)); // something holds it, and does not speak
  });

const taken = (port: number, variable: string, by: string): CommandError =>
  new CommandError(
    EXIT.unavailable,
    `port ${port} is taken by ${by}`,
    `end that program, or choose another port: ${variable}=${port + 10} npm run ...; TEMPORAL_ADDRESS joins a Temporal that runs already`,
  );
