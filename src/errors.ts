/** Why a request was refused: stable, for machines. */
export type WebhookErrorCode =
  | "missing_signature"
  | "invalid_signature"
  | "invalid_json"
  | "invalid_payload"
  | "payload_too_large"
  | "unsupported_encoding"
  | "body_timeout"
  | "storage_unavailable"
  | "method_not_allowed"
  | "not_found"
  | "internal_error";

// Fixed sentences: nothing of a request, of a secret or of another error can reach a sender.
const answers: Record<WebhookErrorCode, readonly [status: number, sentence: string]> = {
  missing_signature: [401, "The request has no X-ImgGo-Signature header."],
  invalid_signature: [401, "The signature does not match the body."],
  invalid_json: [400, "The body is signed, but it is not JSON in UTF-8. It was kept."],
  invalid_payload: [422, "The body is signed JSON, but not an ImgGo event. It was kept."],
  payload_too_large: [413, "The body is larger than this receiver accepts."],
  unsupported_encoding: [415, "The body has a Content-Encoding; send it without one."],
  body_timeout: [408, "The body did not arrive whole and in time."],
  storage_unavailable: [503, "The event could not be stored now. Send it again."],
  method_not_allowed: [405, "This path does not take this method."],
  not_found: [404, "There is nothing at this path."],
  internal_error: [500, "Something unforeseen went wrong here."],
};

/** Every code, in the order of the cases that it tells apart. */
export const webhookErrorCodes: readonly WebhookErrorCode[] = Object.keys(
  answers,
) as WebhookErrorCode[];

/** What a sender is told beside the sentence and the code. */
export interface WebhookErrorDetails {
  /** The id under which the refused, but signed, request was kept. */
  readonly id?: string;
  /** What was expected where; never what came. */
  readonly issues?: readonly PayloadIssue[];
}

/** One thing that is wrong with a payload. */
export interface PayloadIssue {
  /** Where, with dots: `data.job_id`; empty for the payload itself. */
  readonly path: string;
  /** What was expected there. It never repeats a received value. */
  readonly message: string;
}

/** The only errors a sender sees. Its message is a fixed sentence for its code. */
export class WebhookError extends Error {
  /** Tells it apart, also from that of another copy of this package. */
  override readonly name = "WebhookError";
  /** What is wrong, in a word. */
  readonly code: WebhookErrorCode;
  /** The HTTP status that belongs to the code. */
  readonly status: number;
  /** What the sender is told beside the sentence. */
  readonly details: WebhookErrorDetails;

  /** Makes the error of a code: the code says its status and its sentence. */
  constructor(code: WebhookErrorCode, details: WebhookErrorDetails = {}, options?: ErrorOptions) {
    const [status, sentence] = answers[code];
    super(sentence, options);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}
