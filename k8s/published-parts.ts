import { randomUUID } from 'node:crypto';
import { mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CorruptFileError, isMissing, partsDir, readPart } from '../store/index.ts';
import type { Log } from './api/log.ts';
import type { PublishedPart } from './status/end-by-parts.ts';

/**
 * Time between two looks at the store. Each looks for one file: the first part that is missing. *Ours*: a stage ends
 * 0.1 s after its last part, and a hundred running stages cost 500 looks a second.
 */
const LOOK_EVERY_MS = 200;

export interface PartsToFind {
  /** Folder of the stage. */
  readonly stage: string;
  readonly count: number;
  /** Called when a part was found. */
  readonly onFound: () => void;
  readonly log: Log;
}

/** Finds the parts of a stage while they are published. */
export class PublishedParts implements Disposable {
  readonly #wanted: PartsToFind;
  readonly #found = new Map<number, PublishedPart>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | null = null;
  #trouble = '';
  /** Whether to look again and again. False while nothing can be published. */
  isExpected = false;

  constructor(wanted: PartsToFind) {
    this.#wanted = wanted;
    this.#timer = setInterval(() => {
      if (this.isExpected && !this.isComplete && this.#looking === null) void this.look();
    }, LOOK_EVERY_MS);
  }

  /** The parts before the first one that is missing. */
  get found(): ReadonlyMap<number, PublishedPart> {
    return this.#found;
  }

  /** Whether a pod publishes this part, and it was not found yet. */
  isMissing(part: number): boolean {
    return part >= this.#found.size && part < this.#wanted.count;
  }

  get isComplete(): boolean {
    return this.#found.size === this.#wanted.count;
  }

  /** Looks for the parts that are missing. Trouble with the store is logged, and proves nothing. */
  async look(): Promise<void> {
    this.#looking ??= this.#advance().finally(() => {
      this.#looking = null;
    });
    await this.#looking;
  }

  /**
   * Looks again for a part that must exist, because its program has ended. NFS remembers for up to a minute that a name
   * was missing, unless this machine changes the folder.
   */
  async lookAfresh(): Promise<void> {
    await this.look();
    if (this.isComplete) return;
    await this.#attempt(() => changeFolder(partsDir(this.#wanted.stage)));
    await this.look();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #advance(): Promise<void> {
    const { stage, count, onFound } = this.#wanted;
    const before = this.#found.size;
    await this.#attempt(async () => {
      while (this.#found.size < count) {
        const next = this.#found.size;
        const part = await readPart(stage, next);
        if (part === null) return;
        this.#found.set(next, { attempt: part.attempt, finishedAt: part.finishedAt });
      }
    });
    if (this.#found.size > before) onFound();
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // A damaged part is not read again and again. The Job controller reports the end, and sealing sets it aside.
      if (error instanceof CorruptFileError) clearInterval(this.#timer);
      const { message } = error as Error;
      if (message !== this.#trouble) this.#wanted.log.warn({ error: message }, 'cannot look for published parts');
      this.#trouble = message;
    }
  }
}

/**
 * Creates and removes a file. Its name is that of a temporary file, which the reconciler removes after a crash. The
 * folder above must exist: where the store is not mounted, nothing may be created.
 */
async function changeFolder(folder: string): Promise<void> {
  const path = join(folder, `.parts.${process.pid}-${randomUUID().slice(0, 8)}.tmp`);
  const create = async (): Promise<void> => await (await open(path, 'wx')).close();
  await create().catch(async (error: unknown) => {
    if (!isMissing(error)) throw error;
    await mkdir(folder);
    await create();
  });
  await unlink(path);
}
