import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** A folder for the tests of a file. It is removed after the last of them. */
export function aFaultFolder(name: string): string {
  const folder = newFolder(name);
  afterAll(() => remove(folder));
  return folder;
}

/** A folder for one test. */
export function aTestFolder(name: string): string {
  const folder = newFolder(name);
  onTestFinished(() => remove(folder));
  return folder;
}

const newFolder = (name: string): string => mkdtempSync(join(tmpdir(), `orrery-faults-${name}-`));
const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });
