import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openInput, WrongInputError } from '../../inputs/index.ts';
import { rulesFor } from '../support/input-rules.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const beforeOpen = vi.hoisted(() => ({ act: async (): Promise<void> => {} }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const open: typeof real.open = async (...input) => {
    await beforeOpen.act();
    return await real.open(...input);
  };
  return { ...real, open };
});

/** A folder that campaigns may read, and one that they may not. */
async function folders() {
  const folder = await temporaryFolder();
  const [allowed, secret] = [join(folder, 'allowed'), join(folder, 'secret')];
  await Promise.all([mkdir(allowed), mkdir(secret)]);
  await writeFile(join(secret, 'passwd'), 'root:x:0:0');
  return { allowed, secret, rules: rulesFor([allowed], { project: folder }) };
}

async function refusal(path: string, rules: Awaited<ReturnType<typeof folders>>['rules']): Promise<string> {
  try {
    await using _ = await openInput(path, rules);
    return 'opened';
  } catch (error) {
    expect(error).toBeInstanceOf(WrongInputError);
    return (error as Error).message;
  }
}

const OUTSIDE = /^expected a file below a folder that campaigns may read/;

test('a regular file is read, also through links within the allowed folders', async () => {
  const { allowed, rules } = await folders();
  await mkdir(join(allowed, 'sets'));
  await writeFile(join(allowed, 'sets/a.jsonl'), 'one');
  await symlink('sets', join(allowed, 'linked'));
  await symlink('../allowed/linked/a.jsonl', join(allowed, 'b.jsonl'));
  for (const path of ['allowed/sets/a.jsonl', join(allowed, 'b.jsonl')]) {
    await using file = await openInput(path, rules);
    expect(await text(file.stream())).toBe('one');
    expect(Buffer.from(await file.slice(1, 9)).toString()).toBe('ne');
  }
});

test('an allowed folder may itself be a link', async () => {
  const { allowed } = await folders();
  await writeFile(join(allowed, 'a.jsonl'), 'one');
  await symlink(allowed, join(allowed, '../link'));
  await using file = await openInput(join(allowed, '../link/a.jsonl'), rulesFor([join(allowed, '../link')]));
  expect(await text(file.stream())).toBe('one');
});

describe('a path that is not a regular file is refused at once', () => {
  test('a directory', async () => {
    const { allowed, rules } = await folders();
    await mkdir(join(allowed, 'a.jsonl'));
    expect(await refusal(join(allowed, 'a.jsonl'), rules)).toBe('expected a regular file, but it is a directory');
  });

  test('a FIFO, even for as many calls as there are file threads', async () => {
    const { allowed, rules } = await folders();
    const paths = Array.from({ length: 8 }, (_, index) => join(allowed, `${index}.jsonl`));
    execFileSync('mkfifo', paths);
    const all = await Promise.all(paths.map((path) => refusal(path, rules)));
    expect(new Set(all)).toEqual(new Set(['expected a regular file, but it is a FIFO']));
  });

  test('a socket', async () => {
    const { allowed, rules } = await folders();
    const path = join(allowed, 'a.jsonl');
    const server = createServer().listen(path);
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    expect(await refusal(path, rules)).toMatch(/^expected a regular file, but it is a socket/);
  });

  test('a device', async () => {
    expect(await refusal('/dev/zero', rulesFor(['/dev']))).toBe('expected a regular file, but it is a device');
  });

  test('a link to itself', async () => {
    const { allowed, rules } = await folders();
    await symlink('a.jsonl', join(allowed, 'a.jsonl'));
    expect(await refusal(join(allowed, 'a.jsonl'), rules)).toBe(
      'expected a file, but its path contains a loop of links',
    );
  });

  test('a name that is too long', async () => {
    const { allowed, rules } = await folders();
    expect(await refusal(join(allowed, 'x'.repeat(300)), rules)).toMatch(/ENAMETOOLONG/);
  });

  test('a file that is larger than the limit of the worker', async () => {
    const { allowed } = await folders();
    const path = join(allowed, 'a.jsonl');
    await writeFile(path, '');
    await truncate(path, 2 ** 40);
    expect(await refusal(path, rulesFor([allowed], { maxBytes: 2 ** 30 }))).toMatch(
      /at most 1073741824 bytes, but it has/,
    );
  });
});

describe('a file outside of the folders that campaigns may read is refused', () => {
  test('with the same message whether it exists or not, which names the setting to change', async () => {
    const { secret, rules } = await folders();
    const [there, absent] = [await refusal(join(secret, 'passwd'), rules), await refusal(join(secret, 'none'), rules)];
    expect(there).toMatch(OUTSIDE);
    expect(there).toContain('ORRERY_DATA_ROOTS');
    expect(absent).toBe(there);
  });

  test.each(['allowed/../secret/passwd', 'secret/passwd', 'allowedx/a', 'allowed'])('by the path %s', async (path) => {
    expect(await refusal(path, (await folders()).rules)).toMatch(OUTSIDE);
  });

  test('through a link, whether its target exists or not', async () => {
    const { allowed, secret, rules } = await folders();
    await symlink(join(secret, 'passwd'), join(allowed, 'there'));
    await symlink(join(secret, 'none'), join(allowed, 'absent'));
    await symlink(secret, join(allowed, 'folder'));
    const all = await Promise.all(
      ['there', 'absent', 'folder/passwd', 'folder/none'].map((name) => refusal(join(allowed, name), rules)),
    );
    for (const message of all) expect(message).toMatch(OUTSIDE);
    expect(new Set(all).size).toBe(1);
  });

  test('even if a link is created between resolving and opening', async () => {
    const { allowed, secret, rules } = await folders();
    await mkdir(join(allowed, 'sets'));
    await writeFile(join(allowed, 'sets/passwd'), 'one');
    // A wrapper around the real `open` creates the link, because the right moment cannot be hit by chance.
    beforeOpen.act = async () => {
      beforeOpen.act = async () => {};
      await rename(join(allowed, 'sets'), join(allowed, 'aside'));
      await symlink(secret, join(allowed, 'sets'));
    };
    expect(await refusal(join(allowed, 'sets/passwd'), rules)).toMatch(OUTSIDE);
  });
});

test('a file that changes while it is read is refused', async () => {
  const { allowed, rules } = await folders();
  const path = join(allowed, 'a.jsonl');
  await writeFile(path, 'one');
  await using file = await openInput(path, rules);
  await file.refuseIfChanged();
  const handle = await open(path, 'a');
  await handle.write('two');
  await handle.close();
  expect(await text(file.stream())).toBe('one');
  await expect(file.refuseIfChanged()).rejects.toThrow(/was written to while it was read/);
});
