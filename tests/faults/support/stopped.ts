import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../../../store/index.ts';

/** Stopped processes, and the content of a folder meanwhile. */

/** Waits until `there` returns true. It checks often, for at most a minute. */
export async function until(there: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!there()) {
    if (performance.now() > deadline) throw new Error(`waited a minute for ${what}`);
    await sleep(5);
  }
}

export function isStopped(pid: number | undefined): boolean {
  return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
}

/** Whether a file contains a text; false if there is no such file. */
export const holds = (path: string, text: string): boolean =>
  existsSync(path) && readFileSync(path, 'utf8').includes(text);

/**
 * Every file below a folder by path: the time of its last change and the sha256 of its bytes. `leaveOut` selects files
 * to ignore.
 */
export function filesIn(folder: string, leaveOut: (path: string) => boolean = () => false): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || leaveOut(relative(folder, path))) continue;
    files.set(relative(folder, path), `${statSync(path, { bigint: true }).mtimeNs} ${sha256(readFileSync(path))}`);
  }
  return files;
}
