import type { Executor } from '../executor/index.ts';
import { createLocalExecutor, type LocalExecutorOptions, localMachine } from '../local/index.ts';
import type { Machine } from '../reconciler/index.ts';
import { InvalidInputError } from '../spec/index.ts';

export interface ChosenExecutor {
  /** Disposing it releases its resources in this process. Jobs continue to run. */
  readonly executor: Executor & Disposable;
  /** Files and processes of the executor on this machine, for the reconciler; null if it has none. */
  readonly machine: Machine | null;
}

/**
 * Makes new files writable for the group, because pods and worker write to the same folders of the store as different
 * users. Call it before anything is written to the store, even before its folder is created.
 */
export function shareFilesWithPods(env: NodeJS.ProcessEnv): void {
  if (env.ORRERY_EXECUTOR === 'kubernetes') process.umask(0o002);
}

/**
 * Creates the executor that the environment selects. `ORRERY_EXECUTOR` is `local` (the default) or `kubernetes`, which
 * reads its settings from the file in `ORRERY_KUBERNETES` (docs/kubernetes.md).
 * @throws InvalidInputError if there is no such executor, or the settings are invalid
 */
export async function chooseExecutor(env: NodeJS.ProcessEnv, local: LocalExecutorOptions): Promise<ChosenExecutor> {
  const name = env.ORRERY_EXECUTOR || 'local';
  if (name === 'local') {
    return { executor: createLocalExecutor(local), machine: localMachine(local.home) };
  }
  if (name !== 'kubernetes') {
    const message = `expected local or kubernetes, but got "${name}"`;
    throw new InvalidInputError('the environment', [{ field: 'ORRERY_EXECUTOR', message }]);
  }
  shareFilesWithPods(env);
  // Imported only when needed, because loading it takes as long as loading the rest of the worker.
  const { createKubernetesExecutor, readKubernetesSettings } = await import('../k8s/index.ts');
  const settings = readKubernetesSettings(env.ORRERY_KUBERNETES);
  return { executor: createKubernetesExecutor({ settings, store: local.store, log: local.log }), machine: null };
}
