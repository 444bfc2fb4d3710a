import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Facts about a stage's executions, read from the store without the store's own code. */
export interface StageFacts {
  readonly name: string;
  readonly kind: string;
  readonly dir: string;
  /** Numbers of the claims. */
  readonly attempts: readonly number[];
  readonly sealed: boolean;
  /** Steps in the toy program's journal over all executions, one character each. */
  readonly steps: number;
}

export function stagesOfStore(store: string): StageFacts[] {
  const root = join(store, 'stages');
  const keys = existsSync(root) ? readdirSync(root).filter((key) => existsSync(join(root, key, 'stage.json'))) : [];
  return keys.map((key) => {
    const dir = join(root, key);
    const { name, kind } = JSON.parse(readFileSync(join(dir, 'stage.json'), 'utf8')) as { name: string; kind: string };
    const files = existsSync(join(dir, 'claims')) ? readdirSync(join(dir, 'claims')) : [];
    // A worker that is killed while it claims leaves a temporary file, `.name.pid…`: garbage, and no claim.
    const claims = files.filter((file) => !file.startsWith('.'));
    const journal = join(dir, 'journal', '0.txt');
    return {
      name,
      kind,
      dir,
      attempts: claims.map((file) => Number.parseInt(file, 10)).toSorted((a, b) => a - b),
      sealed: existsSync(join(dir, 'manifest.json')),
      steps: existsSync(journal) ? readFileSync(journal, 'utf8').length : 0,
    };
  });
}
