/** Environment of every pod of a stage. */
export const POD_ENV = {
  stageFile: 'ORRERY_STAGE_FILE',
  store: 'ORRERY_STORE',
  /** Execution number of the stage, from 0; only grows. */
  attempt: 'ORRERY_ATTEMPT',
  /** Base URL of the policy server beside the pod, without /v1. Present for kinds that use one. */
  policyUrl: 'ORRERY_POLICY_URL',
  /** Port that the policy server is to listen on (its own container only). */
  policyPort: 'ORRERY_POLICY_PORT',
  /** Address that the policy server is to listen on (its own container only); its own machine alone when not set. */
  policyHost: 'ORRERY_POLICY_HOST',
  shard: 'JOB_COMPLETION_INDEX',
  /** The campaign that asked for this execution: for logs alone, a stage may serve several. */
  campaign: 'ORRERY_CAMPAIGN',
  /** Interpreter of the Python programs that a TypeScript program starts. */
  python: 'ORRERY_PYTHON',
  /** Factor on the micro-batch of a trainer, below 1 after an out-of-memory; the effective batch stays. */
  microBatchScale: 'ORRERY_MICRO_BATCH_SCALE',
  /** Resume only from checkpoints before this optimizer step (after a divergence). */
  checkpointBefore: 'ORRERY_CHECKPOINT_BEFORE',
} as const;
