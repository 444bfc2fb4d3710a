import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Disk } from '../target.ts';

/** What a round writes, several times over. */
const SIZE_MIB = 256;
const CHUNK = Buffer.alloc(2 ** 20);

/** Faults that need a disk of the store's own, and why there is none; empty where there is one. */
export function disksCannot(): Readonly<Record<string, string>> {
  if (process.platform === 'linux' && process.getuid?.() === 0) return {};
  const reason = 'a file system of the store’s own can be mounted by root on Linux alone';
  return { 'disk-read-only': reason, 'disk-full': reason };
}

export interface MountedDisk extends Disk {
  unmount(): Promise<void>;
}

/** A small file system in memory, mounted at the folder: it can be filled and made read-only without harm to the machine. */
export async function mountDisk(folder: string): Promise<MountedDisk> {
  await execa('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'orrery-soak', folder]);
  const filler = join(folder, '.filler');
  return {
    // A file system with files open for writing cannot be made read-only. So a second, read-only mount of it is laid over the first: whoever
    // opens a file from now on is refused, whoever has one open writes on.
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

/** Unmounts whatever is mounted at a folder or below it, however often. */
export async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8').catch(() => '')).split('\n');
  const points = mounts.map((line) => line.split(' ')[1] ?? '').filter((point) => `${point}/`.startsWith(`${folder}/`));
  for (const point of points.toReversed()) await execa('umount', ['--lazy', point]);
}

/** A folder on the machine's own disk, which is left in peace. */
export const NO_DISK: MountedDisk = {
  makeReadOnly: refuse,
  makeWritable: refuse,
  fill: refuse,
  free: refuse,
  unmount: async () => undefined,
};

async function refuse(): Promise<void> {
  throw new Error('expected a disk of the store’s own, but it lies on the machine’s');
}
