/** A failure that a user can do something about: its message is all that is printed. */
export class ExpectedError extends Error {
  override readonly name = "ExpectedError";
  /** 1: it could not be done. 2: it was asked for in a wrong way. */
  readonly exitCode: 1 | 2;

  constructor(exitCode: 1 | 2, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
