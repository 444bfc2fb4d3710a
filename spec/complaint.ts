/** One thing wrong with an input: where, and what was expected and came. */
export interface Complaint {
  /** Path of the field, for example `stages.search.rollouts`; empty for the whole. */
  readonly field: string;
  readonly message: string;
}
