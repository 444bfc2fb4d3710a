import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createExclusive, publishFile, writeFileAtomic } from '../../store/index.ts';
import { aSmallDisk, type SmallDisk } from './support/disks.ts';
import { aTestFolder } from './support/folder.ts';
import { why, withoutMounts, withoutStrace } from './support/tools.ts';
import { aWorld, startCountdownPolicy } from './support/world.ts';

const PAGES = Buffer.alloc(10 * 4096, 'x');
const passes = async () => {};

/** Each way to write a file of the store. */
const WAYS = [
  { name: 'replaced', write: (path: string) => writeFileAtomic(path, PAGES) },
  { name: 'created', write: (path: string) => createExclusive(path, PAGES) },
  { name: 'published', write: (path: string) => publishFile(path, (file) => file.writeFile(PAGES), passes) },
];

describe.skipIf(withoutMounts !== null)(`on a disk that fills up during the write${why(withoutMounts)}`, () => {
  test.each(WAYS)(
    'a file that is $name is not there, nothing is left in its place, and there is room for it later',
    async ({ write }) => {
      const disk = aSmallDisk(1);
      await expectRoomIsGivenBack(disk, write);
    },
  );

  test('a file that should be replaced keeps its content', async () => {
    const disk = aSmallDisk(1);
    const path = join(disk.folder, 'file');
    await writeFileAtomic(path, 'old');
    disk.leave(5);
    await expect(writeFileAtomic(path, PAGES)).rejects.toThrow('ENOSPC');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(disk.folder).toSorted()).toEqual(['ballast', 'file']);
  });
});

test.skipIf(withoutStrace !== null)(
  `a stage works on a store without hard links as on any other${why(withoutStrace)}`,
  async () => {
    await using server = await startCountdownPolicy();
    const world = await aWorld(aTestFolder('linkless'), server.url);
    const calm = await world.calm('curriculum');
    const stage = await world.plan('curriculum', 'without links');
    const trace = join(world.store, 'linkless.trace');
    // The error of FAT and of some FUSE and SMB mounts.
    const inject = ['-e', 'trace=link,linkat', '-e', 'inject=link,linkat:error=EPERM'];
    const end = await stage.start({ under: ['strace', '-f', '-o', trace, ...inject] }).ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(trace, 'utf8')).toMatch(/parts\/00000\.json"\) = -1 EPERM/);
    expect((await stage.seal(0)).digest).toBe(calm.manifest.digest);
    expect(readdirSync(join(stage.dir, 'data'))).toEqual(['pass-rates-00000.jsonl']);
  },
);

async function expectRoomIsGivenBack(disk: SmallDisk, write: (path: string) => Promise<unknown>): Promise<void> {
  const path = join(disk.folder, 'file');
  disk.leave(5);
  await expect(write(path)).rejects.toThrow('ENOSPC');
  expect(existsSync(path)).toBe(false);
  expect(readdirSync(disk.folder)).toEqual(['ballast']);
  disk.mend();
  await write(path);
  expect(readFileSync(path).equals(PAGES)).toBe(true);
  expect(readdirSync(disk.folder)).toEqual(['file']);
}
