/**
 * Every label and annotation that orrery sets or reads. Written by who creates the Job (builders here), unless it says
 * otherwise; the Job controller copies those of the pod template to pods.
 */
export const LABELS = {
  /** Always {@link MANAGED_BY}. For people, and for manual clean-up. Pods, Jobs and Services have it. */
  managedBy: 'app.kubernetes.io/managed-by',
  /**
   * The store of the Job (store/instance.ts). Watches select by it, so that two installations in a namespace ignore
   * each other.
   */
  instance: 'orrery.dev/store',
  /**
   * Id of the campaign, cut to what a label can hold; the annotation has it whole. For
   * `kubectl get jobs -L orrery.dev/campaign`.
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
  /** Of Kueue: the LocalQueue in which the Job waits. */
  queue: 'kueue.x-k8s.io/queue-name',
  /** Set by the Job controller: name of the Job that a pod belongs to. */
  jobName: 'batch.kubernetes.io/job-name',
  /** Of the kubelet: the host name of a node. */
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
  /** Number of pods, as `parts` of the request; and `gang` or `shards`. Read by observers. */
  parts: 'orrery.dev/parts',
  shape: 'orrery.dev/shape',
  /** Seconds between SIGTERM and SIGKILL. */
  grace: 'orrery.dev/grace-seconds',
  /**
   * Time at which a worker asked the Job to stop, ISO 8601. Written once, by `suspend`. Distinguishes our suspension
   * from that of others.
   */
  stoppedAt: 'orrery.dev/stopped-at',
  /**
   * Why a worker gave the Job up although Kubernetes would continue: a failure as JSON. Written once, so that every
   * later observer reports the same.
   */
  givenUp: 'orrery.dev/given-up',
  /** Of the Job controller: index of a pod. */
  index: 'batch.kubernetes.io/job-completion-index',
} as const;

/** Containers of a pod. */
export const MAIN = 'main';
export const POLICY_SERVER = 'policy-server';

/** Port of the policy server in its pod. */
export const POLICY_PORT = 8000;
/** Port on which the ranks of a gang meet. */
export const MASTER_PORT = 29_500;

/**
 * Turns a text into a label value: at most 63 letters, digits, `-`, `_`, `.`; begins and ends with a letter or digit.
 */
export function labelValue(text: string): string {
  return text
    .replaceAll('/', '.')
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '');
}

/** Selects the objects of one store in its namespace. */
export const selectorOf = (instance: string): string =>
  `${LABELS.managedBy}=${MANAGED_BY},${LABELS.instance}=${instance}`;
