/**
 * Builds a bundle of workflow code and writes it to a file: `node worker/build-bundle.ts PARTS FILE`, with the parts as
 * JSON. The file appears whole, because it is written under another name first.
 */
import { rename, writeFile } from 'node:fs/promises';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** Absolute paths of the modules of a bundle. */
export interface BundleParts {
  readonly workflows: string;
  readonly payloadConverter: string;
  readonly failureConverter: string;
  readonly interceptors: readonly string[];
}

/**
 * Stack traces name the lines of the sources, and the sources themselves are left out: they would be two thirds of the
 * bundle. The SDK accepts no bundle without a source map.
 */
const SOURCE_MAP = 'inline-nosources-cheap-module-source-map';

/**
 * Modules of the project become one, without the exports that connect them. Each execution of a workflow would create
 * those anew. Names stay, because stack traces show them.
 */
const OPTIMIZATION = { providedExports: true, usedExports: true, sideEffects: true, concatenateModules: true };

if (import.meta.main) {
  const [parts = '', file = ''] = process.argv.slice(2);
  await build(JSON.parse(parts) as BundleParts, file);
}

async function build({ workflows, payloadConverter, failureConverter, interceptors }: BundleParts, file: string) {
  const { code } = await bundleWorkflowCode({
    workflowsPath: workflows,
    payloadConverterPath: payloadConverter,
    failureConverterPath: failureConverter,
    workflowInterceptorModules: [...interceptors],
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: (config) => ({ ...config, devtool: SOURCE_MAP, optimization: OPTIMIZATION }),
  });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, code);
  await rename(temporary, file);
}
