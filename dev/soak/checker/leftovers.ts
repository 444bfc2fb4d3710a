import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeftBehind, LeftProcess } from './evidence.ts';
import type { Report } from './violations.ts';

/** Leaked processes 0: after the campaigns nothing of an execution is there, after the workers nothing at all. */
export function checkProcesses({ afterCampaigns, afterWorkers }: LeftBehind, report: Report): void {
  const tell = (when: string) => (left: LeftProcess) =>
    report(
      'leaked',
      `process ${left.pid}${left.job === null ? '' : ` of ${left.job}`}`,
      `${when} it was still there: ${left.command}`,
    );
  afterCampaigns.forEach(tell('after the campaigns had ended'));
  const known = new Set(afterCampaigns.map(({ pid }) => pid));
  afterWorkers.filter(({ pid }) => !known.has(pid)).forEach(tell('after the workers had ended'));
}

/** Leaked temporary files 0: of dot files and dot folders, which nobody reads, the reconciler leaves none once nobody can be at them. */
export async function checkTemporaries(store: string, { reconciler }: LeftBehind, report: Report): Promise<void> {
  if (reconciler === null) return;
  for (const path of await temporariesIn(store)) report('leaked', path, 'the reconciler has left it');
}

/** Dot files and dot folders of a store. */
export async function temporariesIn(store: string): Promise<string[]> {
  const entries = await readdir(store, { recursive: true, withFileTypes: true });
  return entries.filter(({ name }) => name.startsWith('.')).map(({ parentPath, name }) => join(parentPath, name));
}
