/**
 * What an error of the operating system means for who meets it: sorted once, for all activities, stage programs and supervisors.
 *
 * - `mend`: a person or time mends it, and the work then goes on: it is tried again, and told
 * - `wrong`: what was named is not what was expected, and will not be next time
 *
 * A code that is not here is a fault of ours, or of nobody that is known.
 */
export type Remedy = 'mend' | 'wrong';

/** Whose file it was: one of the store (or of what this machine keeps of its jobs), or one that a campaign names. */
export type FileOf = 'store' | 'input';

interface Row {
  readonly store: Remedy;
  readonly input: Remedy;
  /** What is the matter with the store. */
  readonly words: string;
}

const mended = (words: string): Row => ({ store: 'mend', input: 'mend', words });
/** In the store it may be mended (permissions, a mount); a campaign that names such a file is wrong. */
const wrongInput = (words: string): Row => ({ store: 'mend', input: 'wrong', words });
const wrong = (words: string): Row => ({ store: 'wrong', input: 'wrong', words });

export const SYSTEM_ERRORS: Readonly<Record<string, Row>> = {
  // The disk, or the mount.
  ENOSPC: mended('the store has no space left; free some, and the stage goes on from its journal'),
  EDQUOT: mended('the quota of the store is used up; raise it, and the stage goes on from its journal'),
  EROFS: mended('the store is mounted read-only'),
  EIO: mended('the disk below the store fails to read or write'),
  EREMOTEIO: mended('the disk below the store fails to read or write'),
  ESTALE: mended('the mount of the store is gone'),
  ENOTCONN: mended('the mount of the store is gone'),
  EHOSTDOWN: mended('the mount of the store is gone'),
  ENODEV: mended('the disk below the store is gone'),
  ETIMEDOUT: mended('the store does not answer in time'),
  EBUSY: mended('the store is busy'),
  EAGAIN: mended('the store is busy'),
  EINTR: mended('the store was interrupted'),
  // What this process has.
  EMFILE: mended('this process has too many files open (ulimit -n)'),
  ENFILE: mended('this machine has too many files open'),
  ENOMEM: mended('this machine has no memory left'),
  // Rights and names.
  EACCES: wrongInput('this user may not read or write the store'),
  EPERM: wrongInput('this user may not read or write the store'),
  ENOENT: wrongInput('a file of the store is not there'),
  ENXIO: wrongInput('the disk below the store is gone'),
  ENOTDIR: wrong('a file stands where the store has a folder'),
  EEXIST: wrong('a file stands where the store has a folder'),
  EISDIR: wrong('a folder stands where the store has a file'),
  ELOOP: wrong('a name of the store is a link that leads nowhere'),
  ENAMETOOLONG: wrong('a name is too long for the store'),
  EINVAL: wrong('the store takes no such name'),
  ERR_INVALID_ARG_VALUE: wrong('the store takes no such name'),
  EFBIG: wrong('a file is too large for the store'),
  EOVERFLOW: wrong('a file is too large to be read'),
  ERR_FS_FILE_TOO_LARGE: wrong('a file is too large to be read'),
};

/** Errors of a connection to a process that is not there, or no longer. */
export const CONNECTION_TROUBLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);

/** The code of an error of the operating system; empty for all others. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** What follows an error that a file caused; null where the operating system had no part in it, or says what no row has. */
export function remedyOf(error: unknown, of: FileOf): { readonly remedy: Remedy; readonly words: string } | null {
  const row = SYSTEM_ERRORS[codeOf(error)];
  return row === undefined ? null : { remedy: row[of], words: row.words };
}
