import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { inProject, VENV_PYTHON } from '../../config/paths.ts';
import { until } from './machine.ts';

export const CTRL_C = '\x03';
const HIDDEN = '\x1b[?25l';
const SHOWN = '\x1b[?25h';

/** A command on a real pseudo-terminal. */
export interface OnTerminal extends AsyncDisposable {
  /** All output so far, without control sequences. */
  text(): string;
  /** Whether the cursor is visible. */
  hasCursor(): boolean;
  /**
   * @throws Error with the content of the screen when the text does not appear. Its limit is shorter than that of a
   *   test.
   */
  untilShown(what: string | RegExp, timeoutMs?: number): Promise<void>;
  press(keys: string): void;
  /** Closes the terminal. The kernel then sends SIGHUP to its processes. */
  close(): void;
  /** How it ended: its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>;
}

interface TerminalOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Columns and rows. The default is 120 and 40. */
  readonly size?: readonly [number, number];
}

/** Starts a command on a terminal of its own. */
export function onTerminal(
  command: readonly string[],
  { size: [columns, rows] = [120, 40], ...options }: TerminalOptions,
): OnTerminal {
  const child = spawn(VENV_PYTHON, [inProject('tests/support/terminal.py'), `${columns}`, `${rows}`, ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  child.stdin.on('error', () => undefined); // A key may be pressed after the command has ended.
  const end = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const text = () => stripVTControlCharacters(shown);
  return {
    text,
    hasCursor: () => shown.lastIndexOf(SHOWN) >= shown.lastIndexOf(HIDDEN),
    async untilShown(what, timeoutMs = 50_000) {
      const isShown = () => (typeof what === 'string' ? text().includes(what) : what.test(text()));
      await until(`${what} on the terminal`, () => isShown() || child.exitCode !== null, timeoutMs).catch(
        () => undefined,
      );
      if (!isShown()) throw new Error(`expected ${what} on the terminal, but it shows:\n${text()}`);
    },
    press: (keys) => void child.stdin.write(keys),
    close: () => void child.stdin.end(),
    async ended() {
      const [code, signal] = await end;
      return signal ?? code ?? -1;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end(); // closes the terminal
      if (child.exitCode === null) child.kill('SIGKILL');
      await end;
    },
  };
}
