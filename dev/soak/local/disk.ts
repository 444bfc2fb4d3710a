import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Disk } from '../target.ts';

/** Several times the size of what a round writes. */
const SIZE_MIB = 256;
const CHUNK = Buffer.alloc(2 ** 20);

/** Faults that need a separate disk for the store, with the reason why there is none; empty when there is one. */
export function disksCannot(): Readonly<Record<string, string>> {
  if (process.platform === 'linux' && process.getuid?.() === 0) return {};
  const reason = 'only root on Linux can mount a separate file system for the store';
  return { 'disk-read-only': reason, 'disk-full': reason };
}

export interface MountedDisk extends Disk {
  unmount(): Promise<void>;
}

/**
 * Mounts a small file system in memory at the folder. It can be filled or made read-only without harm to the machine.
 */
export async function mountDisk(folder: string): Promise<MountedDisk> {
  await execa('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'orrery-soak', folder]);
  const filler = join(folder, '.filler');
  return {
    // A file system with files open for writing cannot become read-only. A second, read-only mount over the first one
    // has nearly the same effect: files can no longer be opened for writing, but open files stay writable.
    async makeReadOnly() {
      await execa('mount', ['--bind', folder, folder]);
      await execa('mount', ['-o', 'remount,bind,ro', folder]);
    },
    async makeWritable() {
      await execa('umount', ['--lazy', folder]);
    },
    async fill() {
      const file = await open(filler, 'w');
      try {
        for (let chunk = CHUNK; chunk.length > 0; ) {
          const written = await file.write(chunk).catch((error: NodeJS.ErrnoException) => {
            if (error.code !== 'ENOSPC') throw error;
            return null;
          });
          if (written === null) chunk = chunk.subarray(0, Math.floor(chunk.length / 2));
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    unmount: () => unmountBelow(folder),
  };
}

/** Unmounts everything at a folder or below it. */
export async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8').catch(() => '')).split('\n');
  const points = mounts.map((line) => line.split(' ')[1] ?? '').filter((point) => `${point}/`.startsWith(`${folder}/`));
  for (const point of points.toReversed()) await execa('umount', ['--lazy', point]);
}

/** A folder on the machine's own disk. No disk faults are caused there. */
export const NO_DISK: MountedDisk = {
  makeReadOnly: refuse,
  makeWritable: refuse,
  fill: refuse,
  free: refuse,
  unmount: async () => undefined,
};

async function refuse(): Promise<void> {
  throw new Error('expected a separate disk for the store, but it is on the machine’s disk');
}
