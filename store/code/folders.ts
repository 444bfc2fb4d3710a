import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Made by tools, or words about the code that nothing reads. */
const isLeftOut = ({ name }: Dirent): boolean =>
  name.startsWith('.') || name === '__pycache__' || name === 'node_modules' || name === 'README.md';

/** Every source below a folder. */
export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (isLeftOut(entry)) return [];
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}
