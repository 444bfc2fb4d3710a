import { DefaultLogger, type LogEntry, type LogLevel } from '@temporalio/worker';
import pino, { type Logger } from 'pino';
import { InvalidInputError, shownValue } from '../spec/index.ts';
import { SECRET_PATHS } from '../store/index.ts';

const DEFAULT_LEVEL = 'info';

/** The log level in `ORRERY_LOG_LEVEL`. @throws InvalidInputError if there is no such level */
export function logLevel({ ORRERY_LOG_LEVEL: level }: NodeJS.ProcessEnv): string {
  if (!level) return DEFAULT_LEVEL;
  const levels = [...Object.keys(pino.levels.values), 'silent'];
  if (levels.includes(level)) return level;
  const message = `expected one of ${levels.join(', ')}, but got ${shownValue(level)}`;
  throw new InvalidInputError('the environment', [{ field: 'ORRERY_LOG_LEVEL', message }]);
}

/** The logger of the worker. It prints formatted lines on a terminal, and JSON elsewhere. */
export function createLogger(): Logger {
  return pino({
    level: DEFAULT_LEVEL,
    redact: { paths: [...SECRET_PATHS], censor: '[secret]' },
    ...(process.stdout.isTTY ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } } : {}),
  });
}

/**
 * Passes messages of the Temporal SDK to the same logger. Its `info` becomes `debug`, because its bundler logs much at
 * that level.
 */
export function temporalLogger(log: Logger): DefaultLogger {
  const temporal = log.child({ component: 'temporal' });
  const levels = {
    TRACE: 'trace',
    DEBUG: 'debug',
    INFO: 'debug',
    WARN: 'warn',
    ERROR: 'error',
  } as const satisfies Record<LogLevel, string>;
  return new DefaultLogger('DEBUG', ({ level, message, meta }: LogEntry) =>
    temporal[levels[level]]({ ...meta }, message),
  );
}
