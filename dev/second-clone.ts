import { cpSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProject } from '../config/paths.ts';

/** Folders that a clone does not need, or has of its own. */
const LEFT_OUT = new Set(['.git', '.orrery', '.venv', 'node_modules', 'tests', 'bench', 'docs', 'data']);

/** Copies the project without its `.orrery`. The copy shares the installed packages. @returns its folder */
export function secondClone(): string {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-clone-'));
  const from = inProject();
  cpSync(from, folder, {
    recursive: true,
    filter: (path) => !LEFT_OUT.has(path.slice(from.length).split('/')[0] ?? ''),
  });
  for (const shared of ['.venv', 'node_modules']) symlinkSync(inProject(shared), join(folder, shared));
  return folder;
}
