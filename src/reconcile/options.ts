import { expectedSegment, isSegment } from "../imggo/segment.ts";

/** What `reconcile()` takes. */
export interface ReconcileOptions {
  /** These jobs. Each whose end is not stored costs a request. */
  readonly jobIds?: readonly string[];
  /**
   * All jobs that were created then or later (milliseconds since 1970), as far as ImgGo lists them
   * to the API key. A hundred jobs cost a request, and each whose result the list lacks one more.
   */
  readonly since?: Date | number;
  /** Stores nothing, and says what it would store: ImgGo is asked all the same. Default false. */
  readonly dryRun?: boolean;
  /** Breaks it off; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Is told of each job. */
  readonly onProgress?: (job: ReconciledJob) => void;
}

/**
 * What became of a job:
 * - `known`: its end was stored already, and ImgGo was not asked;
 * - `stored`: its end is stored now, or would be;
 * - `duplicate`: so it was while ImgGo was asked;
 * - `running`: it has not ended;
 * - `unknown`: ImgGo knows no such job;
 * - `failed`: it is not known how it is.
 */
export type ReconcileOutcome =
  | "known"
  | "stored"
  | "duplicate"
  | "running"
  | "unknown"
  | "failed";

/** What became of one job. */
export interface ReconciledJob {
  /** ImgGo's id of it. */
  readonly jobId: string;
  /** What became of it. */
  readonly outcome: ReconcileOutcome;
  /** Whether ImgGo was asked for this job alone. */
  readonly asked: boolean;
  /** The id of the stored event, where one was stored or found. */
  readonly eventId?: string;
  /** Why it is `unknown` or `failed`. */
  readonly error?: string;
}

/** What `reconcile()` did. */
export interface ReconcileResult {
  /** For how many jobs ImgGo was asked. */
  readonly asked: number;
  /** How many jobs are what. */
  readonly counts: Readonly<Record<ReconcileOutcome, number>>;
  /** Each job. */
  readonly jobs: readonly ReconciledJob[];
  /** How many of ImgGo's lists could not be read, for instance of an unknown status. */
  readonly unreadable: number;
}

/** Why `reconcile()` can do nothing at all. */
export type ReconcileErrorCode = "no_client" | "list_refused";

/** What is thrown where `reconcile()` can do nothing. The message says what to do. */
export class ReconcileError extends Error {
  /** Tells it apart, also from that of another copy of this package. */
  override readonly name = "ReconcileError";
  /** What is in the way, in a word. */
  readonly code: ReconcileErrorCode;

  /** Makes an error of a code, with a sentence that says what to do. */
  constructor(code: ReconcileErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** @throws {TypeError} which says what was expected. */
export function checkReconcileOptions({ jobIds = [], since = 0 }: ReconcileOptions): void {
  const areIds = Array.isArray(jobIds) && jobIds.every(isSegment);
  refuseUnless(areIds, `jobIds: expected a list of ids, each of which is ${form}`);
  const isTime = since instanceof Date || typeof since === "number";
  refuseUnless(
    isTime && Number.isFinite(Number(since)),
    "since: expected a date, or milliseconds since 1970",
  );
}

const form = expectedSegment.replace("expected ", "");

function refuseUnless(fits: boolean, problem: string): void {
  if (!fits) throw new TypeError(`reconcile(): ${problem}.`);
}
