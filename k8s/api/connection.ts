import {
  BatchV1Api,
  CoreV1Api,
  CustomObjectsApi,
  createConfiguration,
  type RequestContext,
  ServerConfiguration,
} from '@kubernetes/client-node';
import { KubeError } from './errors.ts';
import { KeepAliveConfig } from './keep-alive.ts';

/** A request that takes longer counts as lost. */
const REQUEST_MS = 30_000;

/** The client library, set up for one namespace of one cluster. */
export interface Connection {
  readonly namespace: string;
  readonly config: KeepAliveConfig;
  readonly batch: BatchV1Api;
  readonly core: CoreV1Api;
  readonly custom: CustomObjectsApi;
  /** Requests so far, by verb and resource: `POST jobs`, `WATCH pods`. For benchmarks. */
  readonly requests: Map<string, number>;
  /** Counts a request that the library does not send through its HTTP client. */
  count(request: string): void;
}

/**
 * @param context - of the kubeconfig (`KUBECONFIG`, `~/.kube/config`, else the service account of this pod); by default
 *   the current one
 * @throws KubeError when there is no such context
 */
export function connect(namespace: string, context?: string): Connection {
  const config = new KeepAliveConfig();
  config.loadFromDefault();
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const answer = { status: 0, message: `there is no context ${context}`, retryAfterSeconds: null };
    throw new KubeError('read the kubeconfig', answer, null);
  }
  const requests = new Map<string, number>();
  const count = (request: string): void => void requests.set(request, (requests.get(request) ?? 0) + 1);
  const prepare = async (request: RequestContext): Promise<RequestContext> => {
    count(`${request.getHttpMethod()} ${resourceOf(request.getUrl())}`);
    request.setHeaderParam('User-Agent', 'orrery');
    request.setSignal(AbortSignal.timeout(REQUEST_MS));
    return request;
  };
  const configuration = createConfiguration({
    baseServer: new ServerConfiguration(cluster.server, {}),
    authMethods: { default: config },
    promiseMiddleware: [{ pre: prepare, post: async (response) => response }],
  });
  return {
    namespace,
    config,
    requests,
    count,
    batch: new BatchV1Api(configuration),
    core: new CoreV1Api(configuration),
    custom: new CustomObjectsApi(configuration),
  };
}

/** `/apis/batch/v1/namespaces/x/jobs/y?...` -> `jobs`; a subresource is `pods/log`. */
function resourceOf(url: string): string {
  const parts = new URL(url).pathname.split('/').filter((part) => part !== '');
  const after = parts.indexOf('namespaces');
  const [resource = '', , ...sub] = after === -1 ? parts.slice(2) : parts.slice(after + 2);
  return [resource, ...sub].join('/');
}
