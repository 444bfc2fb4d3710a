/** Search attributes by which the Temporal UI finds campaigns: name -> type, as named by the Temporal CLI and API. */
export const SEARCH_ATTRIBUTES = {
  /** Name of the policy. */
  OrreryModel: 'Keyword',
  /** Kinds of the running stages, or the phase of the campaign when no stage runs. */
  OrreryPhase: 'Keyword',
  /** Names of the arms. */
  OrreryArm: 'KeywordList',
  OrreryGpuHours: 'Double',
  /** Id of the campaign that this one was forked from. */
  OrreryParent: 'Keyword',
} as const;
