import type { StageExecution } from '../logs.ts';

/** Whether stages run in a cluster. Workers read the same variable. */
export const runsInCluster = (): boolean => process.env.ORRERY_EXECUTOR === 'kubernetes';

/** Prints the logs of the pods of one or more executions. Each line starts with `<stage> <part> <container>`. */
export interface PodPrinter {
  /** Starts to print one execution. Further calls for the same execution do nothing. */
  print(stage: string, execution: StageExecution): void;
  /** Resolves when every log has been read to its end. @returns the number of printed lines */
  finish(): Promise<number>;
}

/**
 * Reads logs from the cluster that `ORRERY_KUBERNETES` describes.
 * @param follow - print new lines until `signal` aborts
 */
export async function podPrinter(follow: boolean, signal: AbortSignal): Promise<PodPrinter> {
  const { createKubeClient, podLines, readKubernetesSettings } = await import('../../k8s/index.ts');
  const settings = readKubernetesSettings(process.env.ORRERY_KUBERNETES);
  const client = createKubeClient(settings.namespace, settings.context);
  const printing = new Map<string, Promise<void>>();
  let lines = 0;

  async function printAll(stage: string, execution: StageExecution): Promise<void> {
    for await (const { part, container, text } of podLines(client, execution, follow, signal)) {
      console.log(`${stage} ${part} ${container} | ${text}`);
      lines += 1;
    }
  }
  return {
    print(stage, execution) {
      const id = `${execution.key}/${execution.attempt}`;
      if (!printing.has(id)) printing.set(id, printAll(stage, execution));
    },
    async finish() {
      await Promise.all(printing.values());
      return lines;
    },
  };
}
