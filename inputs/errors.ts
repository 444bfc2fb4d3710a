/** An input is not what a campaign may name, and will not be next time. The message says what was expected, without its path. */
export class WrongInputError extends Error {
  override readonly name = 'WrongInputError';
  /** Whether there is no such file. */
  readonly isMissing: boolean;
  constructor(message: string, isMissing = false) {
    super(message);
    this.isMissing = isMissing;
  }
}

/** An input cannot be had now: its server, or the way to it, is down. */
export class InputAwayError extends Error {
  override readonly name = 'InputAwayError';
}
