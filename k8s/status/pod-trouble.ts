import { FAILURES, type FailureClass, failureOfExitCode, type KubernetesSettings } from '../../spec/index.ts';
import { falseCondition, type KubeEvent, type KubeNode, type Pod, timeOf, trueCondition } from '../api/objects.ts';
import { describeNode, isReady } from './node-state.ts';
import { hasEnded, isRunning, mainStatus, partOf, serverStatus, terminationMessageOf } from './pod-state.ts';

export type Limits = KubernetesSettings['limits'];

/** Why a pod has neither started nor ended. */
export interface PodTrouble {
  readonly message: string;
  readonly class: FailureClass;
  /** When the wait ends, in ms since the epoch; null: never. */
  readonly giveUpAt: number | null;
  /** Not reported before that time, because the state is normal until then. */
  readonly quiet?: boolean;
  readonly exitCode: number | null;
  readonly part: number | null;
  readonly node: string | null;
}

/** Time after the grace within which a working kubelet has ended a pod. *Ours*. */
const OVERDUE_MS = 30_000;
/** Number of starts after which a policy server that was never ready is given up. *Ours*. */
const SERVER_STARTS = 3;

/** The trouble of a pod; null if it has none. Pure. @param events - warnings about it, oldest first */
export function podTrouble(
  pod: Pod,
  events: readonly KubeEvent[],
  node: KubeNode | null,
  limits: Limits,
): PodTrouble | null {
  if (hasEnded(pod)) return null;
  const common = { exitCode: null, part: partOf(pod), node: pod.spec?.nodeName ?? null };
  const createdAt = timeOf(pod.metadata?.creationTimestamp) ?? 0;
  return (
    lostTrouble(pod, node, common) ??
    containerTrouble(pod, limits, createdAt, common) ??
    serverTrouble(pod, common) ??
    schedulingTrouble(pod, events, limits, createdAt, common)
  );
}

type Common = Pick<PodTrouble, 'exitCode' | 'part' | 'node'>;

/** The trouble of a pod on a silent node: once it is being deleted, nobody will ever report its end. */
function lostTrouble(pod: Pod, node: KubeNode | null, common: Common): PodTrouble | null {
  const goneBy = timeOf(pod.metadata?.deletionTimestamp);
  const silent = node !== null && !isReady(node);
  if (common.node === null || (goneBy === null && !silent)) return null;
  const reason = silent ? describeNode(node) : `${common.node} has not ended the pod in time`;
  const lost = { ...common, class: 'NodeFailure', message: `the node does not answer: ${reason}` } as const;
  // The node may come back.
  if (goneBy === null) return { ...lost, giveUpAt: null };
  const byTaint = trueCondition(pod.status?.conditions, 'DisruptionTarget')?.reason === 'DeletionByTaintManager';
  return { ...lost, giveUpAt: silent && byTaint ? 0 : goneBy + OVERDUE_MS, quiet: !silent };
}

/** Reasons for which a container waits: `grace` may resolve with time, `never` will not. */
const WAITS: Readonly<Record<string, 'grace' | 'never'>> = {
  ErrImagePull: 'grace',
  ImagePullBackOff: 'grace',
  RegistryUnavailable: 'grace',
  CreateContainerConfigError: 'grace',
  CreateContainerError: 'grace',
  RunContainerError: 'grace',
  InvalidImageName: 'never',
  ErrImageNeverPull: 'never',
};

function containerTrouble(pod: Pod, limits: Limits, createdAt: number, common: Common): PodTrouble | null {
  for (const status of [serverStatus(pod), mainStatus(pod)]) {
    const { reason = '', message } = status?.state?.waiting ?? {};
    const kind = WAITS[reason];
    if (kind === undefined) continue;
    const since = timeOf(pod.status?.startTime) ?? createdAt;
    const cannotStart = `${status?.name} cannot be started: ${reason}${message === undefined ? '' : `: ${message}`}`;
    const giveUpAt = kind === 'never' ? 0 : since + limits.imageGraceSeconds * 1000;
    return { ...common, class: 'ImageError', message: cannotStart, giveUpAt };
  }
  return null;
}

/**
 * The trouble of a policy server that ends before the main program has started. A running main program reports the
 * missing server itself.
 */
function serverTrouble(pod: Pod, common: Common): PodTrouble | null {
  const server = serverStatus(pod);
  const end = server?.lastState?.terminated ?? server?.state?.terminated;
  const main = mainStatus(pod)?.state;
  const begun = main?.running !== undefined || main?.terminated !== undefined || server?.started === true;
  if (server === undefined || begun) return null;
  if (end === undefined) {
    return server.state?.running === undefined
      ? null
      : { ...common, class: 'DependencyDown', message: 'the policy server is starting', giveUpAt: null };
  }
  const own = failureOfExitCode(end.exitCode);
  const killed = end.exitCode === 143 || end.exitCode === 137 ? 'it was not ready in time, and started again' : null;
  const said =
    end.reason === 'OOMKilled'
      ? 'OOMKilled'
      : (terminationMessageOf(end.message) ?? killed ?? `exit code ${end.exitCode}`);
  const message = `the policy server does not start: ${said}`;
  const willNeverStart = end.exitCode === FAILURES.InvalidInput.exitCode || server.restartCount >= SERVER_STARTS;
  const failure =
    end.reason === 'OOMKilled' ? 'OutOfMemory' : own === 'Crashed' || own === 'Preempted' ? 'DependencyDown' : own;
  return { ...common, exitCode: end.exitCode, class: failure, message, giveUpAt: willNeverStart ? 0 : null };
}

/** The trouble of a pod without a node, or without its volumes. */
function schedulingTrouble(
  pod: Pod,
  events: readonly KubeEvent[],
  limits: Limits,
  createdAt: number,
  common: Common,
): PodTrouble | null {
  const pendingUntil = createdAt + limits.pendingSeconds * 1000;
  const unplaced = falseCondition(pod.status?.conditions, 'PodScheduled');
  if (unplaced !== undefined) {
    const message = unplaced.message ?? unplaced.reason ?? 'no node was found yet';
    // A missing claim is no lack of capacity.
    if (/persistentvolumeclaim ".*" (not found|is being deleted)/.test(message)) {
      return { ...common, class: 'ImageError', message, giveUpAt: createdAt + limits.imageGraceSeconds * 1000 };
    }
    return { ...common, class: 'Unschedulable', message, giveUpAt: pendingUntil };
  }
  if (isRunning(pod)) return null;
  if (common.node === null)
    return { ...common, class: 'Unschedulable', message: 'waits for the scheduler', giveUpAt: pendingUntil };
  const warning = events.at(-1);
  const message = warning === undefined ? 'is starting' : `is starting: ${warning.reason}: ${warning.message}`;
  return { ...common, class: 'Unschedulable', message, giveUpAt: pendingUntil };
}
