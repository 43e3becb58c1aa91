/** What an {@linkcode ImgGoError} carries beside its code. */
export interface ImgGoErrorDetails {
  /** The HTTP status, where there was an answer. */
  readonly status?: number;
  /** The id that ImgGo's support can find the request by. */
  readonly requestId?: string;
  /** After how many milliseconds ImgGo takes requests again, where that is known. */
  readonly retryAfterMs?: number;
}

/**
 * What came of a request to ImgGo's API that failed. The message is one sentence that says what to
 * do; neither it nor anything else here holds the API key or a webhook's secret.
 */
export class ImgGoError extends Error {
  /** Tells it apart, also from that of another copy of this package. */
  override readonly name = "ImgGoError";
  /**
   * ImgGo's own code, such as `PLAN_LIMIT_EXCEEDED`, where it gave one; else `network_error`,
   * `timeout`, `rate_limited`, `unreadable_answer`, `unauthorized`, `forbidden`, `not_found`,
   * `invalid_request` or `server_error`.
   */
  readonly code: string;
  /** The HTTP status; undefined where there was no answer. */
  readonly status: number | undefined;
  /** The id that ImgGo's support can find the request by. */
  readonly requestId: string | undefined;
  /** After how many milliseconds ImgGo takes requests again, where that is known. */
  readonly retryAfterMs: number | undefined;

  /** Makes an error of a code, with one sentence that says what to do. */
  constructor(code: string, message: string, details: ImgGoErrorDetails = {}) {
    super(message);
    this.code = code;
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/**
 * Whether a failed write may have been done all the same: it was sent, and what came of it is not
 * known.
 */
export function isOutcomeUnknown(error: unknown): error is ImgGoError {
  if (!(error instanceof ImgGoError)) return false;
  const { code, status } = error;
  if (status === undefined) return code === "network_error" || code === "timeout";
  return status >= 500 || (status < 300 && code === "unreadable_answer");
}

/** An error of the same kind with another sentence before its own. */
export function prefixed(sentence: string, { code, message, ...details }: ImgGoError): ImgGoError {
  const { status, requestId, retryAfterMs } = details;
  return new ImgGoError(code, `${sentence} ${message}`, {
    ...(status !== undefined && { status }),
    ...(requestId !== undefined && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
