import { condition } from '@temporalio/workflow';

/** A workflow that does nothing: what the SDK costs. */
export async function waiting(): Promise<void> {
  await condition(() => false);
}
