import { access, constants, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkerOptions } from '@temporalio/worker';
import { execa } from 'execa';
import { inOrrery, inProject, PROJECT } from '../config/paths.ts';
import { digestOfSources } from '../store/code-version.ts';
import type { BundleParts } from './build-bundle.ts';

/** The workflow code as a worker loads it: the path of a file. */
export type WorkflowBundle = Extract<WorkerOptions['workflowBundle'], { codePath: string }>;

/** The parts of the bundle: the workflows, and the modules that run with each of them. */
export const WORKFLOW_PARTS: BundleParts = {
  workflows: inProject('workflows/index.ts'),
  // With these, an unreadable payload does not fail a workflow task, and the failures of a workflow are bounded.
  payloadConverter: inProject('workflows/payload-converter.ts'),
  failureConverter: inProject('workflows/failure-converter.ts'),
  interceptors: [inProject('workflows/interceptors.ts')],
};

/** A bundle of this age is removed when another is built. *Ours*. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

/**
 * The bundle of the workflow code. It is built once for each version of the code, at the installation or by the first
 * worker, and kept in `.orrery/bundles` under the digest of its sources and packages. The bundler runs in a process of
 * its own, because it would leave 200 MiB of memory to the worker.
 * @param change - other workflows or interceptors, for a simulation
 */
export async function workflowBundle(change: Partial<BundleParts> = {}): Promise<WorkflowBundle> {
  const parts = { ...WORKFLOW_PARTS, ...change };
  const sources = [parts.workflows, parts.payloadConverter, parts.failureConverter, ...parts.interceptors];
  const digest = digestOfSources(
    [...sources, inProject('worker/build-bundle.ts'), inProject('package-lock.json')],
    PROJECT,
  );
  const kept = join(inOrrery('bundles'), `${digest}.js`);
  if (await exists(kept)) return { codePath: kept };
  const folder = await writableFolder();
  const codePath = join(folder, `${digest}.js`);
  const build = [inProject('worker/build-bundle.ts'), JSON.stringify(parts), codePath];
  await execa(process.execPath, build, { stdin: 'ignore', stdout: 'ignore', preferLocal: false });
  await removeOld(folder);
  return { codePath };
}

/** `.orrery/bundles`. In an image with a read-only project and no bundle, a folder that ends with the machine. */
async function writableFolder(): Promise<string> {
  const folder = inOrrery('bundles');
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
    return folder;
  } catch {
    return await mkdtemp(join(tmpdir(), 'orrery-bundle-'));
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // Another worker may have removed or renamed it meanwhile.
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > KEPT_MS) await rm(path, { force: true });
  }
}
