import { execa } from 'execa';
import { CommandError, EXIT } from '../../config/command-errors.ts';

/** Oldest Python that the trainers run on. */
const OLDEST = [3, 11] as const;

/** A Python found on this machine. */
export interface Interpreter {
  readonly command: string;
  /** Major, minor, patch. */
  readonly version: readonly number[];
}

/** Commands that may be a Python, the wished one alone where there is one. */
export const candidates = (wish = process.env.ORRERY_BASE_PYTHON): string[] =>
  wish === undefined ? ['python3.13', 'python3.12', 'python3.11', 'python3'] : [wish];

/** `Python 3.11.9` -> [3, 11, 9]; null when the text is something else. */
export function parseVersion(printed: string): number[] | null {
  const match = /^Python (\d+)\.(\d+)\.(\d+)/.exec(printed.trim());
  return match === null ? null : match.slice(1, 4).map(Number);
}

export function isNewEnough([major = 0, minor = 0]: readonly number[]): boolean {
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/**
 * The first candidate that starts and is new enough.
 * @throws CommandError 69 that names what was found instead
 */
export async function findPython(commands: readonly string[] = candidates()): Promise<Interpreter> {
  const found: Interpreter[] = [];
  for (const command of commands) {
    const { stdout, failed } = await execa(command, ['--version'], { reject: false });
    const version = failed ? null : parseVersion(String(stdout));
    if (version === null) continue;
    if (isNewEnough(version)) return { command, version };
    found.push({ command, version });
  }
  const seen = found.map(({ command, version }) => `${command} is ${version.join('.')}`).join(', ');
  throw new CommandError(
    EXIT.unavailable,
    `Python ${OLDEST.join('.')} or newer is needed, ${seen === '' ? `none was found (${commands.join(', ')})` : `but ${seen}`}`,
    'install it (Debian, Ubuntu: sudo apt-get install python3 python3-venv; macOS: brew install python), or name one with ORRERY_BASE_PYTHON=/path/to/python3',
  );
}
