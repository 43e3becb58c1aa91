import { describeError } from "../describe-error.ts";

/** Why a job's end was not learned, or not stored. */
export interface Failure {
  readonly kind:
    /** ImgGo refuses this job: it knows none of this id. */
    | "unknown"
    /** What ImgGo says of this job cannot be read. */
    | "unreadable"
    /** ImgGo refuses the API key. */
    | "denied"
    /** No more requests are allowed now. */
    | "limited"
    /** ImgGo cannot be reached, is late or fails, or what it says cannot be stored. */
    | "unavailable";
  /** One sentence. */
  readonly message: string;
  /** After how many milliseconds asking may help, where that is known. */
  readonly afterMs?: number;
}

/** Whether asking for every other job would fail for the same reason. */
export function isObstacle({ kind }: Failure): boolean {
  return kind !== "unknown" && kind !== "unreadable";
}

/** What is read of an `ImgGoError`, whose class an application without the client does not hold. */
interface Refusal extends Error {
  readonly status?: number;
  readonly code?: string;
  readonly retryAfterMs?: number;
}

const kinds: ReadonlyMap<number | undefined, Failure["kind"]> = new Map([
  [400, "unknown"],
  [401, "denied"],
  [403, "denied"],
  [404, "unknown"],
  [410, "unknown"],
  [422, "unknown"],
  [429, "limited"],
]);

/** Reads an error of the client of ImgGo's API, or of the storage. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error) || error.name !== "ImgGoError") {
    return { kind: "unavailable", message: describeError(error) };
  }
  const { status, code, retryAfterMs, message }: Refusal = error;
  const kind = kindOf(code, status);
  return { kind, message, ...(retryAfterMs !== undefined && { afterMs: retryAfterMs }) };
}

function kindOf(code: string | undefined, status: number | undefined): Failure["kind"] {
  if (code === "rate_limited") return "limited";
  // A redirect is one for every job; an answer that is a good one otherwise is of one job.
  if (code === "unreadable_answer" && status !== undefined && status < 300) return "unreadable";
  return kinds.get(status) ?? "unavailable";
}
