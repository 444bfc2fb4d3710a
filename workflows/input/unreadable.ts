/**
 * Replaces a payload that cannot be decoded: its encoding is unknown, or its bytes do not match its encoding. Only the
 * payload converter creates one. JSON cannot express it, so nobody can send one.
 */
export class Unreadable {
  /** What is wrong with the payload, for its sender. */
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
  /** A marker must not leave the workflow. Code that passes it on fails the task. */
  toJSON(): never {
    throw new TypeError(`an unreadable payload cannot be passed on: ${this.reason}`);
  }
}
