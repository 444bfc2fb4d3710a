import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { aTestFolder } from './folder.ts';

/** Disks of a test's own, to be filled, spoiled and taken away: nothing of the machine's is touched. Needs root. */

const sh = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe' });

function mountPoint(name: string): string {
  const folder = join(aTestFolder(name), 'disk');
  mkdirSync(folder);
  // A program that still runs does not keep the test from cleaning up.
  onTestFinished(() => {
    try {
      for (;;) sh('umount', '-l', folder);
    } catch {
      // Not mounted any more.
    }
  });
  return folder;
}

export interface SmallDisk {
  readonly folder: string;
  /** Pages of 4 KiB that are free. */
  free(): number;
  /** Leaves this many free pages. Called again it takes more, or gives some back. */
  leave(pages: number): void;
  /** Gives all back. */
  mend(): void;
}

/** A disk in memory that can be filled to the page. */
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
   * What the kernel does with a file system in which it finds an error (`errors=remount-ro`): read-only from now on,
   * open files too.
   */
  turnReadOnly(): void;
  /** Checked, repaired and mounted again. */
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
      // 1: errors were corrected, which is what was asked for.
      sh('sh', '-c', `e2fsck -p ${image} || test $? -eq 1`);
      mount();
    },
  };
}

export interface RemovableDisk {
  readonly folder: string;
  /** Gone from its folder; who has files of it open keeps them. */
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
