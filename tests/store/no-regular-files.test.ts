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
/** Readers of what pods may write, with what they read. */
const READERS: readonly [what: string, read: (folder: string) => unknown][] = [
  ['manifest.json', readManifest],
  ['stage.json', readStageFile],
  ['published.json', (folder) => readPublished(folder, 'x', ['report.html'])],
];

describe.each(Object.entries(PUTS))('%s in the place of', (_, put) => {
  test.each(READERS)('%s is damage, and holds nobody up', async (name, read) => {
    const folder = aFolder();
    put(join(folder, name));
    await expect((async () => read(folder))()).rejects.toThrow(/expected a regular file/);
  });

  test('a claim is released all the same', async () => {
    const folder = aFolder();
    mkdirSync(claimsDir(folder));
    put(claimPath(folder, 0));
    // A folder cannot be replaced by a file; a person has to take it away.
    await Promise.race([releaseClaim(folder, 0).catch(() => {}), sleep(5_000).then(() => expect.fail('it waits'))]);
  });

  test('a log is an empty one', async () => {
    const path = join(aFolder(), 'main.log');
    mkdirSync(dirname(path), { recursive: true });
    put(path);
    expect(await tail(path, { maxLines: 10, maxBytes: 100 })).toEqual([]);
  });
});
