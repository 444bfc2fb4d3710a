import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { tail } from '../../local/log-tail.ts';
import { claimPath, claimsDir, readManifest, readPublished, readStageFile, releaseClaim } from '../../store/index.ts';
import { aFolder } from './support.ts';

const PUTS = {
  'a FIFO': (path: string) => execFileSync('mkfifo', [path]),
  'a folder': (path: string) => mkdirSync(path),
};
/** Readers of files that pods may write, with the names of the files. */
const READERS: readonly [what: string, read: (folder: string) => unknown][] = [
  ['manifest.json', readManifest],
  ['stage.json', readStageFile],
  ['published.json', (folder) => readPublished(folder, 'x', ['report.html'])],
];

describe.each(Object.entries(PUTS))('%s instead of', (_, put) => {
  test.each(READERS)('%s counts as damage, and no reader waits for it', async (name, read) => {
    const folder = aFolder();
    put(join(folder, name));
    await expect((async () => read(folder))()).rejects.toThrow(/expected a regular file/);
  });

  test('a claim does not block its release', async () => {
    const folder = aFolder();
    mkdirSync(claimsDir(folder));
    put(claimPath(folder, 0));
    // A file cannot replace a folder, so a person must remove the folder.
    await Promise.race([releaseClaim(folder, 0).catch(() => {}), sleep(5_000).then(() => expect.fail('it waits'))]);
  });

  test('a log counts as an empty log', async () => {
    const path = join(aFolder(), 'main.log');
    mkdirSync(dirname(path), { recursive: true });
    put(path);
    expect(await tail(path, { maxLines: 10, maxBytes: 100 })).toEqual([]);
  });
});
