/**
 * Stands for a payload that nobody can read: an unknown encoding, or bytes that are not what their encoding says. It comes from the payload
 * converter, and is no value that JSON can hold, so that nobody can send one.
 */
export class Unreadable {
  /** What is wrong with the payload, in words; for whoever sent it. */
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
  /** A marker never leaves the workflow: what would hand it on fails the task. */
  toJSON(): never {
    throw new TypeError(`an unreadable payload cannot be handed on: ${this.reason}`);
  }
}
