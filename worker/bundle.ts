import { fileURLToPath } from 'node:url';
import { type BundleOptions, bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const inWorkflows = (file: string): string => fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));

/**
 * The workflow code as workers run it. Every workflow loads it anew, in the time in which its stage starts. So package.json says that no
 * module of the project has side effects: what workflows do not use of `spec/` is left out, schemas above all.
 * Its converters are part of it: what nobody can read does not fail a task, and what leaves a workflow is bounded.
 * @param change - for simulations: another entry point, more interceptors
 */
export const bundleWorkflows = (
  logger: NonNullable<BundleOptions['logger']>,
  {
    workflowInterceptorModules = [],
    ...change
  }: Partial<Pick<BundleOptions, 'workflowsPath' | 'workflowInterceptorModules'>> = {},
): Promise<WorkflowBundleWithSourceMap> =>
  bundleWorkflowCode({
    workflowsPath: inWorkflows('index.ts'),
    payloadConverterPath: inWorkflows('payload-converter.ts'),
    failureConverterPath: inWorkflows('failure-converter.ts'),
    workflowInterceptorModules: [inWorkflows('interceptors.ts'), ...workflowInterceptorModules],
    logger,
    ...change,
  });
