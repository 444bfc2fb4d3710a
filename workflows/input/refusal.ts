/**
 * A valid message that the workflow cannot follow now. The sender of an update gets the reason; for a signal the status
 * shows it.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}
