/** Why a storage failed, where it can tell. */
export type StorageErrorCode =
  | "busy"
  | "full"
  | "readonly"
  | "corrupt"
  | "schema"
  | "denied"
  | "unavailable";

/** A storage's failure, classified: what an operator has to look at. */
export class StorageError extends Error {
  /** Tells it apart, also from that of another copy of this package. */
  override readonly name = "StorageError";
  /** What failed, in a word. */
  readonly code: StorageErrorCode;

  /** Makes an error of a code, with a sentence for operators. */
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
