import { appendFileSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreChange } from './checker/evidence.ts';

const LOOK_MS = 300;
/** Folders of a stage that contain only small files about its progress. */
const FOLDERS = ['claims', 'parts', 'progress'] as const;

/** Records every new or changed small file of the store until it is stopped. */
export function watchStore(store: string, logFile: string): { stop(): Promise<void> } {
  const known = new Map<string, string>();
  let stopped = false;

  async function lookAt(path: string): Promise<void> {
    const found = await stat(join(store, path)).catch(() => null);
    if (found === null) return;
    const identity = `${found.ino} ${found.mtimeMs}`;
    if (known.get(path) === identity) return;
    const content = await readFile(join(store, path), 'utf8')
      .then((text) => JSON.parse(text) as Record<string, unknown>)
      .catch(() => null);
    if (content === null) return; // Replaced just now. The next pass reads it.
    known.set(path, identity);
    const { files: _files, ...recorded } = content; // The files are many, and the checker verifies them at the end.
    const change: StoreChange = {
      seenAt: new Date().toISOString(),
      path,
      inode: found.ino,
      mtimeMs: found.mtimeMs,
      content: recorded,
    };
    appendFileSync(logFile, `${JSON.stringify(change)}\n`);
  }
  async function look(): Promise<void> {
    for (const key of await namesIn(join(store, 'stages'))) {
      const stage = join('stages', key);
      const paths = await Promise.all(
        FOLDERS.map(async (folder) =>
          (await namesIn(join(store, stage, folder))).map((name) => join(stage, folder, name)),
        ),
      );
      await Promise.all([join(stage, 'manifest.json'), ...paths.flat()].map(lookAt));
    }
  }
  appendFileSync(logFile, '');
  const looking = (async () => {
    while (!stopped) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    await look();
  })();
  return {
    async stop() {
      stopped = true;
      await looking;
    },
  };
}

/** Temporary files are ignored. */
const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(() => [])).filter((name) => !name.startsWith('.'));
