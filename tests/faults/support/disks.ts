import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { aTestFolder } from './folder.ts';

/** Disks for tests, to be filled, damaged and removed. They do not touch the disks of the machine. They need root. */

const sh = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });

function mountPoint(name: string): string {
  const folder = join(aTestFolder(name), 'disk');
  mkdirSync(folder);
  // Clean up even if a program still runs.
  onTestFinished(() => {
    try {
      for (;;) sh('umount', '-l', folder);
    } catch {
      // It is no longer mounted.
    }
  });
  return folder;
}

export interface SmallDisk {
  readonly folder: string;
  /** Number of free pages of 4 KiB. */
  free(): number;
  /** Fills the disk up to this many free pages. A later call fills more, or frees some. */
  leave(pages: number): void;
  /** Frees all of it. */
  mend(): void;
}

/** A disk in memory that can be filled exactly to a page. */
export function aSmallDisk(mebibytes: number): SmallDisk {
  const folder = mountPoint('full');
  sh('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder);
  const ballast = join(folder, 'ballast');
  const free = () => statfsSync(folder).bfree;
  const mend = () => rmSync(ballast, { force: true });
  return {
    folder,
    free,
    mend,
    leave(pages) {
      mend();
      writeFileSync(ballast, Buffer.alloc((free() - pages) * 4096, 1));
    },
  };
}

export interface BrittleDisk {
  readonly folder: string;
  /**
   * Makes the file system read-only, also for open files. The kernel does this when it finds an error
   * (`errors=remount-ro`).
   */
  turnReadOnly(): void;
  /** Checks, repairs and mounts it again. */
  mend(): void;
}

/** A disk image with a file system of its own. */
export function aBrittleDisk(): BrittleDisk {
  const folder = mountPoint('read-only');
  const image = join(aTestFolder('image'), 'image');
  const mount = () => sh('mount', '-o', 'loop,errors=remount-ro', image, folder);
  writeFileSync(image, Buffer.alloc(16 << 20));
  sh('mkfs.ext4', '-q', '-F', '-m', '0', image);
  mount();
  return {
    folder,
    turnReadOnly: () => sh('mount', '-o', 'remount,abort', folder),
    mend() {
      sh('umount', folder);
      // 1: fsck has corrected errors, as it should.
      sh('sh', '-c', `e2fsck -p ${image} || test $? -eq 1`);
      mount();
    },
  };
}

export interface RemovableDisk {
  readonly folder: string;
  /** Unmounts it from its folder. Programs with open files keep them. */
  remove(): void;
  mend(): void;
}

/** A folder that is mounted elsewhere, as a volume of a cluster is. */
export function aRemovableDisk(): RemovableDisk {
  const folder = mountPoint('unmounted');
  const content = aTestFolder('content');
  const mend = () => void sh('mount', '--bind', content, folder);
  mend();
  return { folder, mend, remove: () => void sh('umount', '-l', folder) };
}
