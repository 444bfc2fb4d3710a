import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Tools and rights that some faults need and that not every machine has. Each value is null if it is there; otherwise
 * it says why its tests are skipped. On Debian the tools are the packages strace, faketime and e2fsprogs.
 */

/** A tracer that delays system calls of a program, or makes them fail. */
export const withoutStrace: string | null = tried(
  () => execFileSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync', 'true'], { stdio: 'pipe' }),
  'needs strace and the right to trace',
);

/** The right to mount: tests cause a full disk and the like on disks of their own. */
export const withoutMounts: string | null = tried(() => {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
    execFileSync('umount', [folder], { stdio: 'pipe' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 'needs the right to mount (root)');

/** Disk images mounted as disks. */
export const withoutLoopDisks: string | null =
  withoutMounts ??
  tried(() => {
    execFileSync('mkfs.ext4', ['-V'], { stdio: 'pipe' });
    execFileSync('losetup', ['-f'], { stdio: 'pipe' });
  }, 'needs loop devices and mkfs.ext4');

/** A library that gives one program another time of day. */
export const FAKETIME = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib']
  .map((folder) => join(folder, 'faketime/libfaketimeMT.so.1'))
  .find((path) => existsSync(path));
export const withoutFaketime: string | null = FAKETIME === undefined ? 'needs the package faketime' : null;

function tried(attempt: () => unknown, otherwise: string): string | null {
  try {
    attempt();
    return null;
  } catch {
    return otherwise;
  }
}

/** Text after the name of a test: why it is skipped. */
export const why = (reason: string | null): string => (reason === null ? '' : ` (skipped: ${reason})`);
