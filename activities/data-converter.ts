import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { noStorage } from './storage-references.ts';

const beside = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** `dataConverter` of a worker and of a replay. Temporal loads converters by path; workflows have their own. */
export const ACTIVITY_CONVERTER: DataConverter = {
  failureConverterPath: beside('failure-converter.ts'),
  payloadConverterPath: beside('payload-converter.ts'),
  externalStorage: noStorage(),
};
