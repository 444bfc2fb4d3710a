import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LeftBehind, LeftProcess } from './evidence.ts';
import type { Report } from './violations.ts';

/**
 * Finds leaked processes: those of executions after the campaigns have ended, and any process after the workers have
 * ended.
 */
export function checkProcesses({ afterCampaigns, afterWorkers }: LeftBehind, report: Report): void {
  const reportLeft = (when: string) => (left: LeftProcess) =>
    report(
      'leaked',
      `process ${left.pid}${left.job === null ? '' : ` of ${left.job}`}`,
      `it was still running ${when}: ${left.command}`,
    );
  afterCampaigns.forEach(reportLeft('after the campaigns had ended'));
  const known = new Set(afterCampaigns.map(({ pid }) => pid));
  afterWorkers.filter(({ pid }) => !known.has(pid)).forEach(reportLeft('after the workers had ended'));
}

/**
 * Finds leaked temporary files. The reconciler must remove every dot file and dot folder after all writers have ended.
 */
export async function checkTemporaries(store: string, { reconciler }: LeftBehind, report: Report): Promise<void> {
  if (reconciler === null) return;
  for (const path of await temporariesIn(store))
    report('leaked', path, 'the reconciler did not remove this temporary file');
}

/** Dot files and dot folders of a store. */
export async function temporariesIn(store: string): Promise<string[]> {
  const entries = await readdir(store, { recursive: true, withFileTypes: true });
  return entries.filter(({ name }) => name.startsWith('.')).map(({ parentPath, name }) => join(parentPath, name));
}
