import {
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  type RequestContext,
  ServerConfiguration,
} from '@kubernetes/client-node';
import type { NodeFacts, PodFacts } from '../planner/index.ts';
import { nodeFacts, podFacts } from './inventory.ts';
import { wire } from './objects.ts';

/** Objects of one answer of the API server. *Ours*. */
const PAGE = 500;
/** A cluster that takes longer to tell what it has is not waited for. *Ours*. */
const PATIENCE_MS = 20_000;

/** What a cluster has, as far as one may see it. */
export interface Survey {
  readonly nodes: readonly NodeFacts[];
  /** Null where one may not list the pods of all namespaces: then nothing is known of what others use. */
  readonly pods: readonly PodFacts[] | null;
}

/** Why a cluster could not be looked at. `forbidden`: one may not list its nodes. */
export class SurveyError extends Error {
  override readonly name = 'SurveyError';
  readonly forbidden: boolean;
  constructor(message: string, forbidden: boolean, options: ErrorOptions) {
    super(message, options);
    this.forbidden = forbidden;
  }
}

/**
 * Looks at every node, and at every pod that holds something of one. Takes the rights of deploy/rbac-planner.yaml.
 * @param context - of the kubeconfig; the current one when not given
 * @throws SurveyError where the API server does not answer, or nodes may not be listed
 */
export async function surveyCluster(context?: string): Promise<Survey> {
  try {
    const core = connect(context);
    const nodes = await all((page) => core.listNode(page));
    return { nodes: nodes.map((node) => nodeFacts(wire(node))), pods: await podsOf(core) };
  } catch (error) {
    throw surveyError(error);
  }
}

function connect(context: string | undefined): CoreV1Api {
  const config = new KubeConfig();
  config.loadFromDefault();
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error(`there is no context ${context ?? config.getCurrentContext()} in the kubeconfig`);
  const impatient = async (request: RequestContext) => {
    request.setSignal(AbortSignal.timeout(PATIENCE_MS));
    return request;
  };
  return new CoreV1Api(
    createConfiguration({
      baseServer: new ServerConfiguration(cluster.server, {}),
      authMethods: { default: config },
      promiseMiddleware: [{ pre: impatient, post: async (response) => response }],
    }),
  );
}

async function podsOf(core: CoreV1Api): Promise<PodFacts[] | null> {
  const fieldSelector = 'spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed';
  try {
    const pods = await all((page) => core.listPodForAllNamespaces({ ...page, fieldSelector }));
    return pods.flatMap((pod) => podFacts(wire(pod)) ?? []);
  } catch (error) {
    if (statusOf(error) === 403) return null;
    throw error;
  }
}

/** Every page of a list. */
async function all<T>(
  list: (page: { limit: number; _continue?: string }) => Promise<{ items: T[]; metadata?: { _continue?: string } }>,
): Promise<T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page = await list({ limit: PAGE, ...(next === undefined ? {} : { _continue: next }) });
    items.push(...page.items);
    next = page.metadata?._continue || undefined;
  } while (next !== undefined);
  return items;
}

function surveyError(error: unknown): SurveyError {
  const status = statusOf(error);
  const said = error instanceof Error ? error.message : String(error);
  const message =
    status === 403
      ? 'the nodes of the cluster may not be listed: the rights are in deploy/rbac-planner.yaml'
      : `the cluster could not be looked at: ${said.split('\n')[0]}`;
  return new SurveyError(message, status === 403, { cause: error });
}

const statusOf = (error: unknown): number | null => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' ? code : null;
};
