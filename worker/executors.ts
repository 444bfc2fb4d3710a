import type { Deps } from '../activities/index.ts';
import type { LocalExecutorOptions } from '../local/index.ts';
import { createLocalExecutor, localMachine, localOutcome, localRefusal } from '../local/index.ts';
import type { Machine } from '../reconciler/index.ts';
import { InvalidInputError } from '../spec/index.ts';

/** An executor, and what activities and reconciler have to know of it. */
export interface ChosenExecutor extends Pick<Deps, 'executor' | 'outcomeOf' | 'refusalOf' | 'shortageOf'> {
  /** What it keeps on this machine; null for one that keeps nothing here. */
  readonly machine: Machine | null;
  /** Ends what it has open. */
  close(): void;
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
    const executor = createLocalExecutor(local);
    return {
      ...{ executor, outcomeOf: localOutcome, refusalOf: localRefusal, machine: localMachine(local.home) },
      close() {},
    };
  }
  if (name !== 'kubernetes') {
    const message = `expected local or kubernetes, but got "${name}"`;
    throw new InvalidInputError('the environment', [{ field: 'ORRERY_EXECUTOR', message }]);
  }
  shareFilesWithPods(env);
  // Loaded where it is used: it takes as long as all else of a worker together.
  const { createKubernetesExecutor, createShortage, kubernetesOutcome, readKubernetesSettings } = await import(
    '../k8s/index.ts'
  );
  const settings = readKubernetesSettings(env.ORRERY_KUBERNETES);
  const executor = createKubernetesExecutor({ settings, store: local.store, log: local.log });
  return {
    ...{ executor, outcomeOf: kubernetesOutcome, refusalOf: () => null, machine: null, close: executor.close },
    shortageOf: createShortage(executor.client, settings, local.log),
  };
}
