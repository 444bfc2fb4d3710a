import type { StageExecution } from '../logs.ts';

/** Whether stages run in a cluster, by the environment that workers have too. */
export const runsInCluster = (): boolean => process.env.ORRERY_EXECUTOR === 'kubernetes';

/** Prints what the pods of executions print; of several executions lines are told by `<stage> <part> <container>`. */
export interface PodPrinter {
  /** Begins with one execution; asked again, it goes on. */
  print(stage: string, execution: StageExecution): void;
  /** Resolves when everything that had been printed by now is here. */
  finish(): Promise<void>;
}

/**
 * Reads logs from the cluster that `ORRERY_KUBERNETES` describes.
 * @param follow - goes on until `signal` aborts
 */
export async function podPrinter(follow: boolean, signal: AbortSignal): Promise<PodPrinter> {
  const { createKubeClient, podLines, readKubernetesSettings } = await import('../../k8s/index.ts');
  const settings = readKubernetesSettings(process.env.ORRERY_KUBERNETES);
  const client = createKubeClient(settings.namespace, settings.context);
  const printing = new Map<string, Promise<void>>();

  async function printAll(stage: string, execution: StageExecution): Promise<void> {
    for await (const { part, container, text } of podLines(client, execution, follow, signal)) {
      console.log(`${stage} ${part} ${container} | ${text}`);
    }
  }
  return {
    print(stage, execution) {
      const id = `${execution.key}/${execution.attempt}`;
      if (!printing.has(id)) printing.set(id, printAll(stage, execution));
    },
    async finish() {
      await Promise.all(printing.values());
    },
  };
}
