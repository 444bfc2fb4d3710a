import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROJECT } from '../../../config/paths.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

/** Environment in which every Node and Python process notes the files that it loads in `notes`. */
export const tracing = (notes: string) => ({
  ORRERY_TRACE: notes,
  NODE_OPTIONS: `--import ${FOLDER}trace.mjs`,
  PYTHONPATH: `${FOLDER}:${join(PROJECT, 'trainers')}`,
});

/** Files of the project that processes loaded, by the stage file that they were given. */
export function loadsIn(notes: string): Map<string, Set<string>> {
  const loads = new Map<string, Set<string>>();
  for (const file of readdirSync(notes)) {
    const [stageFile = '', ...paths] = readFileSync(join(notes, file), 'utf8').split('\n');
    const loaded = loads.get(stageFile) ?? new Set();
    for (const path of paths) {
      const name = nameOf(path);
      if (name !== null) loaded.add(name);
    }
    loads.set(stageFile, loaded);
  }
  return loads;
}

/**
 * A file of an installed package counts as its `package.json`. Null of what is no source: what the tests themselves
 * bring, what is not of the project.
 */
function nameOf(path: string): string | null {
  // Python reads a module's compiled form where there is one.
  const source = path.replace(/__pycache__\/(.+)\.cpython-\d+\.pyc(?:\.\d+)?$/, '$1.py');
  const name = relative(PROJECT, source);
  const ofPackage = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(name)?.[0];
  if (ofPackage !== undefined) return name.startsWith('.') ? null : `${ofPackage}/package.json`;
  return name === '' || /^(?:\.|tests\/support\/trace\/)/.test(name) || name.endsWith('package.json') ? null : name;
}
