import { connect } from './connection.ts';
import { gangRequests } from './gang-objects.ts';
import { jobRequests } from './jobs.ts';
import { listRequests } from './lists.ts';
import { nodeRequests } from './nodes.ts';
import { podStreams } from './pod-streams.ts';
import { watchRequests } from './watch.ts';

export type KubeClient = ReturnType<typeof createKubeClient>;

/**
 * All requests of orrery to an API server. Only this folder uses the client library. Absence is null; every other fault
 * is a `KubeError`.
 * @param context - of the kubeconfig (`KUBECONFIG`, `~/.kube/config`, else the service account of this pod); by default
 *   the current one
 * @returns its requests share connections, until it is disposed
 */
export function createKubeClient(namespace: string, context?: string) {
  const connection = connect(namespace, context);
  return {
    namespace,
    requests: connection.requests,
    ...jobRequests(connection),
    ...gangRequests(connection),
    ...nodeRequests(connection),
    ...listRequests(connection),
    ...watchRequests(connection),
    ...podStreams(connection),
    [Symbol.asyncDispose]: () => connection.config[Symbol.asyncDispose](),
  };
}
