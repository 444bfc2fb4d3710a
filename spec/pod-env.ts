/** Environment variables of the pods of a stage. */
export const POD_ENV = {
  stageFile: 'ORRERY_STAGE_FILE',
  store: 'ORRERY_STORE',
  /** Number of the execution of the stage. It starts at 0 and only increases. */
  attempt: 'ORRERY_ATTEMPT',
  /** Base URL of the pod's policy server, without /v1. Only for kinds that use one. */
  policyUrl: 'ORRERY_POLICY_URL',
  /** Port on which the policy server listens. Only in the container of the policy server. */
  policyPort: 'ORRERY_POLICY_PORT',
  /**
   * Address on which the policy server listens; the loopback address when not set. Only in the container of the policy
   * server.
   */
  policyHost: 'ORRERY_POLICY_HOST',
  shard: 'JOB_COMPLETION_INDEX',
  /** The campaign that submitted this execution. Only for logs, because several campaigns may use a stage. */
  campaign: 'ORRERY_CAMPAIGN',
  /** Interpreter of the Python programs that a TypeScript program starts. */
  python: 'ORRERY_PYTHON',
  /**
   * Factor for the micro-batch of a trainer, below 1 after running out of memory. The effective batch stays the same.
   */
  microBatchScale: 'ORRERY_MICRO_BATCH_SCALE',
  /** After a divergence: resume only from checkpoints before this optimizer step. */
  checkpointBefore: 'ORRERY_CHECKPOINT_BEFORE',
} as const;
