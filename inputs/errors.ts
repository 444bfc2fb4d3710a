/**
 * A campaign may not use this input, and a retry would fail too. The message says what was expected, without the path.
 */
export class WrongInputError extends Error {
  override readonly name = 'WrongInputError';
  /** Whether the file is missing. */
  readonly isMissing: boolean;
  constructor(message: string, isMissing = false) {
    super(message);
    this.isMissing = isMissing;
  }
}

/** An input cannot be fetched at the moment, because its server or the network is down. */
export class InputUnavailableError extends Error {
  override readonly name = 'InputUnavailableError';
}
