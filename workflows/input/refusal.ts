/** A message that has the right form and cannot be followed now. The sender of an update is told why; of a signal, the status tells. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}
