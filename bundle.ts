import { fileURLToPath } from 'node:url';
import { type BundleOptions, bundleWorkflowCode, type WorkflowBundleWithSourceMap } from '@temporalio/worker';

const WORKFLOWS = fileURLToPath(new URL('workflows/index.ts', import.meta.url));

/**
 * The workflow code as workers run it. Every workflow loads it anew, in the time in which its stage starts. So package.json says that no
 * module of the project has side effects: what workflows do not use of `spec/` is left out, schemas above all.
 * @param change - for simulations: another entry point, interceptors
 */
export const bundleWorkflows = (
  logger: NonNullable<BundleOptions['logger']>,
  change: Pick<BundleOptions, 'workflowInterceptorModules'> & Partial<Pick<BundleOptions, 'workflowsPath'>> = {},
): Promise<WorkflowBundleWithSourceMap> => bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger, ...change });
