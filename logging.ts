import { DefaultLogger, type LogEntry, type LogLevel } from '@temporalio/worker';
import pino, { type Logger } from 'pino';
import { SECRET_PATHS } from './store/index.ts';

/** The worker's logger: pretty on a terminal, JSON elsewhere. Level: `ORRERY_LOG_LEVEL`, default info. */
export function createLogger(): Logger {
  return pino({
    level: process.env.ORRERY_LOG_LEVEL ?? 'info',
    redact: { paths: [...SECRET_PATHS], censor: '[secret]' },
    ...(process.stdout.isTTY ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } } : {}),
  });
}

/** Temporal's own messages through the same logger. Its bundler is chatty: its `info` is our `debug`. */
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
