/**
 * How to handle an error of the operating system. All activities, stage programs and supervisors use this table.
 *
 * - `retry`: a person can fix the cause, or it goes away by itself. The operation is retried and the error is reported.
 * - `invalid`: the file is not what was expected, and a retry would find the same.
 *
 * An error code without a row is a bug of ours, or has an unknown cause.
 */
export type Remedy = 'retry' | 'invalid';

/** Owner of the file: the store (and the job records of this machine), or a campaign that names it as input. */
export type FileOwner = 'store' | 'input';

interface Row {
  readonly store: Remedy;
  readonly input: Remedy;
  /** Description of the error for a file of the store. */
  readonly message: string;
}

const retry = (message: string): Row => ({ store: 'retry', input: 'retry', message });
/**
 * For errors that a person can fix in the store (permissions, a mount). A campaign that names such a file is invalid.
 */
const invalidInput = (message: string): Row => ({ store: 'retry', input: 'invalid', message });
const invalid = (message: string): Row => ({ store: 'invalid', input: 'invalid', message });

export const SYSTEM_ERRORS: Readonly<Record<string, Row>> = {
  // The disk and the mount.
  ENOSPC: retry('the store has no space left; free some space, and the stage resumes from its journal'),
  EDQUOT: retry('the quota of the store is used up; raise it, and the stage resumes from its journal'),
  EROFS: retry('the store is mounted read-only'),
  EIO: retry('the disk of the store has read or write errors'),
  EREMOTEIO: retry('the disk of the store has read or write errors'),
  ESTALE: retry('the mount of the store is gone'),
  ENOTCONN: retry('the mount of the store is gone'),
  EHOSTDOWN: retry('the mount of the store is gone'),
  ENODEV: retry('the disk of the store is gone'),
  ETIMEDOUT: retry('the store does not answer in time'),
  EBUSY: retry('the store is busy'),
  EAGAIN: retry('the store is busy'),
  EINTR: retry('an operation on the store was interrupted'),
  // Resources of this process and this machine.
  EMFILE: retry('this process has too many files open (ulimit -n)'),
  ENFILE: retry('this machine has too many files open'),
  ENOMEM: retry('this machine has no memory left'),
  // Rights and names.
  EACCES: invalidInput('this user may not read or write the store'),
  EPERM: invalidInput('this user may not read or write the store'),
  ENOENT: invalidInput('a file of the store is missing'),
  ENXIO: invalidInput('the disk of the store is gone'),
  ENOTDIR: invalid('expected a folder in the store, but found a file'),
  EEXIST: invalid('expected a folder in the store, but found a file'),
  EISDIR: invalid('expected a file in the store, but found a folder'),
  ELOOP: invalid('a path of the store contains a loop of links'),
  ENAMETOOLONG: invalid('a name is too long for the store'),
  EINVAL: invalid('the store does not allow this file name'),
  ERR_INVALID_ARG_VALUE: invalid('the store does not allow this file name'),
  EFBIG: invalid('a file is too large for the store'),
  EOVERFLOW: invalid('a file is too large to be read'),
  ERR_FS_FILE_TOO_LARGE: invalid('a file is too large to be read'),
};

/** Error codes of a connection whose other side cannot be reached or has gone. */
export const CONNECTION_ERRORS: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);

/** The code of an operating system error; empty for all other errors. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * How to handle an error that concerns a file; null when it is no operating system error, or one without a row in the
 * table.
 */
export function remedyOf(
  error: unknown,
  owner: FileOwner,
): { readonly remedy: Remedy; readonly message: string } | null {
  const row = SYSTEM_ERRORS[codeOf(error)];
  return row === undefined ? null : { remedy: row[owner], message: row.message };
}
