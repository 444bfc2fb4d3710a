import { fileURLToPath } from 'node:url';
import { type BundleOptions, bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const inWorkflows = (file: string): string => fileURLToPath(new URL(`../workflows/${file}`, import.meta.url));

/**
 * Bundles the workflow code for workers. Every workflow loads the bundle, which delays the start of its stage. So
 * package.json marks the modules of the project as free of side effects, and the bundler drops the unused parts of
 * `spec/`, above all its schemas. The bundle includes the converters: with them, an unreadable payload does not fail a
 * workflow task, and the failures of a workflow are bounded.
 * @param change - for simulations: another entry point, or additional interceptors
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
