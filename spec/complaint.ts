/** One fault of an input: the field, what was expected, and the actual value. */
export interface Complaint {
  /** Path of the field, for example `stages.search.rollouts`; empty for the whole input. */
  readonly field: string;
  readonly message: string;
}
