import type { IssueJson } from "../operations/answers.ts";

/** Why a call of the API was refused: stable, for machines. */
export type ApiErrorCode =
  | "invalid_request"
  | "invalid_json"
  | "unauthorized"
  | "foreign_request"
  | "unknown_event"
  | "body_timeout"
  | "not_possible"
  | "payload_too_large"
  | "too_many_attempts"
  | "internal_error"
  | "storage_unavailable";

/** The statuses with which each is told, and its sentence where an operation gives none. */
export const apiErrors: Readonly<
  Record<ApiErrorCode, readonly [status: number | readonly number[], sentence: string]>
> = {
  invalid_request: [[400, 422], "The request is not of the form that this call takes."],
  invalid_json: [400, "The body is not JSON in UTF-8."],
  unauthorized: [401, "Send the admin token: Authorization: Bearer <token>."],
  foreign_request: [403, "The request comes from a page of another site."],
  unknown_event: [404, "There is no event of this id."],
  body_timeout: [408, "The body did not arrive whole and in time."],
  not_possible: [409, "That cannot be done as things are."],
  payload_too_large: [413, "The body is larger than the 64 KiB that a call may have."],
  too_many_attempts: [429, "Too many wrong tokens came at once. Try again in a second."],
  internal_error: [500, "Something unforeseen went wrong here."],
  storage_unavailable: [503, "The storage cannot do it now. Try again: it does no harm."],
};

/** A call that is refused. Its message never holds what came. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ApiErrorCode;
  /** The HTTP status; of several, the first unless another is given. */
  readonly status: number;
  /** What was expected where. */
  readonly issues: readonly IssueJson[];

  constructor(
    code: ApiErrorCode,
    { status, message, issues = [], cause }: {
      readonly status?: number;
      readonly message?: string;
      readonly issues?: readonly IssueJson[];
      readonly cause?: unknown;
    } = {},
  ) {
    const [statuses, sentence] = apiErrors[code];
    super(message ?? sentence, { cause });
    this.code = code;
    this.status = status ?? [statuses].flat()[0] ?? 500;
    this.issues = issues;
  }
}
