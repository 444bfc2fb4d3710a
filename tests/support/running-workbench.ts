import { afterAll, beforeAll } from 'vitest';
import { openWorkbench, type Workbench } from './worker.ts';

/**
 * A workbench with a running worker, shared by the tests of one file. Usable as soon as the `beforeAll` hook of this
 * call has run.
 */
export function runningWorkbench(): Workbench {
  const bench = {} as Workbench;
  let opened: Workbench | undefined;
  let worker: { stop(): Promise<void> } | undefined;
  beforeAll(async () => {
    opened = await openWorkbench();
    Object.assign(bench, opened);
    worker = await opened.startWorker();
  }, 120_000);
  afterAll(async () => {
    await worker?.stop();
    await opened?.close();
  }, 60_000);
  return bench;
}
