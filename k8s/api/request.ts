import { hasStatus, kubeError } from './errors.ts';

/** Sends a request. @throws KubeError for every fault, with `operation` in its message */
export async function send<T>(operation: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw kubeError(operation, error);
  }
}

/** Like {@link send}, but returns null for these HTTP statuses. */
export async function sendOrNull<T>(
  operation: string,
  statuses: readonly number[],
  request: () => Promise<T>,
): Promise<T | null> {
  try {
    return await send(operation, request);
  } catch (error) {
    if (statuses.some((status) => hasStatus(error, status))) return null;
    throw error;
  }
}
