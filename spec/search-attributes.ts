/** Search attributes of a campaign, by which it is found in the Temporal UI: name -> type, as `temporal` and the API call it. */
export const SEARCH_ATTRIBUTES = {
  /** Name of the policy. */
  OrreryModel: 'Keyword',
  /** Kinds of the stages that run now, else the campaign's phase. */
  OrreryPhase: 'Keyword',
  /** Names of the arms. */
  OrreryArm: 'KeywordList',
  OrreryGpuHours: 'Double',
  /** Id of the campaign that this one was forked from. */
  OrreryParent: 'Keyword',
} as const;
