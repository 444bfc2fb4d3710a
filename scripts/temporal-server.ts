import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { CommandError, EXIT } from '../cli/errors.ts';
import { inOrrery, isInstalled, TEMPORAL } from '../cli/paths.ts';
import { temporalPort, temporalUiPort } from '../cli/ports.ts';
import { SEARCH_ATTRIBUTES } from '../spec/index.ts';
import { isAlive, readPidFile, stopProcess, writePidFile } from './processes.ts';

/** The real Temporal development server on this machine (`temporal server start-dev`): started, found again, stopped. */
export interface TemporalServer {
  /** Of the gRPC service, `host:port`. */
  readonly address: string;
  readonly uiAddress: string;
  /** Whether this call started it. */
  readonly started: boolean;
  /** Ends the server, whoever of us started it. Does nothing to one that is not ours. */
  stop(): Promise<void>;
}

export interface TemporalOptions {
  readonly port: number;
  readonly uiPort: number;
  /** Database file; null keeps everything in memory. */
  readonly database: string | null;
  readonly logFile: string;
  readonly pidFile: string;
  /** Outlives this process. */
  readonly detached: boolean;
}

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const START_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 3_000;
const STOP_GRACE_MS = 10_000;

/** Settings of this project's server: ports by `ORRERY_TEMPORAL_PORT` and `ORRERY_TEMPORAL_UI_PORT`, everything else under .orrery/. */
export function projectServer(ports: { port?: number; uiPort?: number } = {}): TemporalOptions {
  const port = ports.port ?? temporalPort();
  return {
    port,
    uiPort: ports.uiPort ?? temporalUiPort(port),
    database: inOrrery('temporal', 'temporal.db'),
    logFile: inOrrery('logs', 'temporal.log'),
    pidFile: inOrrery('temporal', 'server.pid'),
    detached: true,
  };
}

/**
 * Starts the server, or finds a Temporal that answers on the port already.
 * @throws CommandError 69 when a port is taken by something else, or when the server does not come up
 */
export async function ensureTemporal(options: TemporalOptions): Promise<TemporalServer> {
  const address = `localhost:${options.port}`;
  const uiAddress = `http://localhost:${options.uiPort}`;
  const stop = async () => {
    await stopTemporal(options);
  };
  if (await isListening(options.port)) {
    if (!(await answers(address))) throw taken(options.port, 'ORRERY_TEMPORAL_PORT', 'something that is no Temporal');
    return { address, uiAddress, started: false, stop };
  }
  if (readPidFile(options.pidFile, 'temporal') !== null) {
    throw new CommandError(
      EXIT.unavailable,
      `a Temporal of this project runs already, but not on port ${options.port}`,
      'stop it with `npm run temporal -- --stop`, or use its port',
    );
  }
  if (await isListening(options.uiPort)) throw taken(options.uiPort, 'ORRERY_TEMPORAL_UI_PORT', 'another program');
  if (!isInstalled(TEMPORAL)) {
    throw new CommandError(EXIT.unavailable, `there is no ${TEMPORAL}`, 'install it with `npm run setup`');
  }

  const child = spawnServer(options);
  writePidFile(options.pidFile, child.pid);
  await untilHealthy(address, child, options.logFile);
  return { address, uiAddress, started: true, stop };
}

function spawnServer({ port, uiPort, database, logFile, detached }: TemporalOptions): ChildProcess {
  for (const file of [logFile, database ?? logFile]) mkdirSync(dirname(file), { recursive: true });
  const attributes = Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]);
  const args = [
    ...['server', 'start-dev', '--ip', HOST, '--port', `${port}`, '--ui-port', `${uiPort}`, '--namespace', NAMESPACE],
    ...(database === null ? [] : ['--db-filename', database]),
    ...attributes,
    // By default it looks for due tasks at most 20 times a second, and under load every hop waits for a beat of 50 ms (bench/dead-time.ts).
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

/** Waits until the namespace answers; gives up at once when the server has ended, for then its log says why. */
async function untilHealthy(address: string, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (!isAlive(child.pid)) break;
    if (await answers(address)) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const said = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  child.kill('SIGKILL');
  throw new CommandError(EXIT.unavailable, `Temporal did not start:\n${said}`, `the whole log is ${logFile}`);
}

/** Whether a Temporal with our namespace answers at the address. */
async function answers(address: string): Promise<boolean> {
  let connection: Connection | null = null;
  try {
    connection = await Connection.connect({ address, connectTimeout: PROBE_TIMEOUT_MS });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
      workflowService.describeNamespace({ namespace: NAMESPACE }),
    );
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

/** Ends the server that was started with these settings. @returns whether there was one */
export async function stopTemporal({ pidFile }: TemporalOptions): Promise<boolean> {
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
    `end that program, or choose another port: ${variable}=${port + 10} npm run ...`,
  );
