import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { noStorage } from './storage-references.ts';

/** `dataConverter` of a worker and of a replay. Temporal loads converters by path; workflows have their own. */
export const ACTIVITY_CONVERTER: DataConverter = {
  failureConverterPath: fileURLToPath(new URL('./failure-converter.ts', import.meta.url)),
  payloadConverterPath: fileURLToPath(new URL('./payload-converter.ts', import.meta.url)),
  externalStorage: noStorage(),
};
