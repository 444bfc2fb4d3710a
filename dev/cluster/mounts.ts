import { readFileSync } from 'node:fs';
import { execa } from 'execa';

/**
 * Mounts below the cluster's folder. They must be unmounted before the folder is removed, because a volume shows
 * folders outside of it.
 */

/** Mount points at or below `folder`, deepest first, from the text of /proc/self/mountinfo. */
export function mountsBelow(mountinfo: string, folder: string): string[] {
  return mountinfo
    .split('\n')
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''))
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .reverse()
    .sort((a, b) => b.split('/').length - a.split('/').length);
}

/** mountinfo escapes spaces and similar characters, for example as `\040`. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** @throws Error when something is still mounted. Nothing may be removed then. */
export async function unmountAll(folder: string): Promise<void> {
  for (let tries = 0; tries < 5; tries += 1) {
    const points = mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), folder);
    if (points.length === 0) return;
    for (const point of points) await execa('umount', tries < 3 ? [point] : ['--lazy', point], { reject: false });
  }
  const left = mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), folder);
  if (left.length > 0) throw new Error(`still mounted: ${left.join(', ')}`);
}
