/**
 * Every label and annotation that orrery sets or reads. Written by who creates the Job (builders here), unless it says
 * otherwise; the Job controller copies those of the pod template to pods.
 */
export const LABELS = {
  /** Always {@link MANAGED_BY}. Read by people and by clean-up by hand; pods, Jobs and Services have it. */
  managedBy: 'app.kubernetes.io/managed-by',
  /**
   * Which store the Job works for (store/instance.ts). Watches select by it, so two installations in a namespace do not
   * see each other's.
   */
  instance: 'orrery.dev/store',
  /**
   * Campaign, as far as a label can hold its id; the annotation has it whole. For `kubectl get jobs -L
   * orrery.dev/campaign`.
   */
  campaign: 'orrery.dev/campaign',
  /** Stage within the campaign, `/` written as `.`. */
  stage: 'orrery.dev/stage',
  /** Kind of the stage. */
  kind: 'orrery.dev/kind',
  /** Number of the execution, from 0. */
  attempt: 'orrery.dev/attempt',
  /** First 16 digits of the stage's key. */
  key: 'orrery.dev/key',
  /** Kueue's: the LocalQueue in which the Job waits. */
  queue: 'kueue.x-k8s.io/queue-name',
  /** The Job controller's: the Job of a pod. */
  jobName: 'batch.kubernetes.io/job-name',
  /** A machine's own name, by the kubelet. */
  hostname: 'kubernetes.io/hostname',
} as const;

export const MANAGED_BY = 'orrery';

export const ANNOTATIONS = {
  campaign: 'orrery.dev/campaign',
  stage: 'orrery.dev/stage',
  /** The stage's key, 64 hexadecimal digits. */
  key: 'orrery.dev/key',
  arm: 'orrery.dev/arm',
  /** First run of the stage's workflow. Read by the reconciler. */
  ownerRun: 'orrery.dev/owner-run',
  /** Pods wanted, as `parts` of the request; and `gang` or `shards`. Read by who observes. */
  parts: 'orrery.dev/parts',
  shape: 'orrery.dev/shape',
  /** Seconds between SIGTERM and SIGKILL. */
  grace: 'orrery.dev/grace-seconds',
  /**
   * Time at which a worker asked the Job to stop, ISO 8601. Written once, by `suspend`; tells our suspension from
   * others'.
   */
  stoppedAt: 'orrery.dev/stopped-at',
  /**
   * Why a worker gave the Job up though Kubernetes would go on with it: a failure as JSON. Written once; whoever looks
   * after says the same.
   */
  givenUp: 'orrery.dev/given-up',
  /** The Job controller's: index of a pod. */
  index: 'batch.kubernetes.io/job-completion-index',
} as const;

/** Containers of a pod. */
export const MAIN = 'main';
export const POLICY_SERVER = 'policy-server';

/** Where the policy server listens in its pod. */
export const POLICY_PORT = 8000;
/** Where the ranks of a gang meet. */
export const MASTER_PORT = 29_500;

/** What a label may hold of a text: at most 63 letters, digits, `-`, `_`, `.`; ends in a letter or digit. */
export function labelValue(text: string): string {
  return text
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}

/** Selects what one store has in its namespace. */
export const selectorOf = (instance: string): string =>
  `${LABELS.managedBy}=${MANAGED_BY},${LABELS.instance}=${instance}`;
