import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { linesOf } from '../io/lines.ts';
import { pythonEnvironment } from '../runtime/python.ts';

/** Time to read the remaining output of a process that has exited. */
const FINAL_OUTPUT_MS = 1000;

/** How a program ended. */
export interface ProgramEnd {
  /** The signal, the exit code, or the error of a program that could not be started. */
  readonly how: string;
  readonly exitCode: number | null;
  /** Last line on stderr. */
  readonly lastLine: string;
}

/** One run of a program that reads and writes lines. */
export interface LineProgram {
  writeLine(line: string): void;
  /** Ends its stdin: it answers what it has read, then exits. */
  endInput(): void;
  kill(): void;
  /** Resolves after `onEnd` has run. */
  readonly ended: Promise<void>;
}

interface Listeners {
  /** A line of stdout. */
  readonly onLine: (line: string) => void;
  /** Called once, after the last line. */
  readonly onEnd: (end: ProgramEnd) => void;
}

/** Starts a program, with the environment of Python. A program that cannot be started ends at once. */
export function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  { onLine, onEnd }: Listeners,
  log: Pick<Logger, 'debug'>,
): LineProgram {
  const child = spawn(program, args, { env: pythonEnvironment(), stdio: 'pipe' });
  let stderrTail = '';
  child.stdin.on('error', () => {}); // the exit event reports a dead process
  child.stderr.on('data', (chunk: Buffer) => {
    stderrTail = (stderrTail + chunk.toString('utf8')).slice(-2000);
  });
  const outputRead = Promise.all([readLines(child, onLine, log), once(child.stderr, 'close')]);
  const end = (how: string, exitCode: number | null): void =>
    onEnd({ how, exitCode, lastLine: stderrTail.trim().split('\n').at(-1) || 'nothing' });

  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      if (child.pid !== undefined) return; // the exit event follows
      end(error.message, null);
      resolve();
    });
    child.once('exit', async (code, killedBy) => {
      // Remaining output is read before the end is reported. The wait is limited, because a judge that the process
      // leaves behind may keep its pipes open for ever.
      await Promise.race([outputRead, sleep(FINAL_OUTPUT_MS)]);
      for (const pipe of [child.stdout, child.stderr]) pipe.destroy();
      end(killedBy ?? `exit code ${code}`, code);
      resolve();
    });
  });
  return {
    writeLine: (line) => void child.stdin.write(`${line}\n`),
    endInput: () => void child.stdin.end(),
    kill: () => void child.kill('SIGKILL'),
    ended,
  };
}

async function readLines(
  { stdout }: ChildProcessWithoutNullStreams,
  onLine: (line: string) => void,
  log: Pick<Logger, 'debug'>,
): Promise<void> {
  try {
    for await (const line of linesOf(stdout)) onLine(line);
  } catch (error) {
    log.debug({ err: error }, 'stdout of the verifier broke off'); // the exit event reports its death
  }
}
