import type { Executor } from '../executor/index.ts';
import { createLocalExecutor, type LocalExecutorOptions, localMachine } from '../local/index.ts';
import type { Machine } from '../reconciler/index.ts';
import { InvalidInputError } from '../spec/index.ts';

export interface ChosenExecutor {
  /** Disposing it ends what it has open in this process; jobs run on. */
  readonly executor: Executor & Disposable;
  /** What the executor keeps on this machine, for the reconciler; null for one that keeps nothing here. */
  readonly machine: Machine | null;
}

/**
 * Pods and worker write the same folders of the store: what the one makes, the other's group may change. To be called before anything is
 * written to the store, its own folder included.
 */
export function shareFilesWithPods(env: NodeJS.ProcessEnv): void {
  if (env.ORRERY_EXECUTOR === 'kubernetes') process.umask(0o002);
}

/**
 * The executor that the environment asks for: `ORRERY_EXECUTOR` is `local` (default) or `kubernetes`; the latter reads its settings from the file in
 * `ORRERY_KUBERNETES` (docs/kubernetes.md).
 * @throws InvalidInputError when it is neither, or the settings are wrong
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
  // Loaded only where it is used: loading it takes as long as the rest of a worker together.
  const { createKubernetesExecutor, readKubernetesSettings } = await import('../k8s/index.ts');
  const settings = readKubernetesSettings(env.ORRERY_KUBERNETES);
  return { executor: createKubernetesExecutor({ settings, store: local.store, log: local.log }), machine: null };
}
