/** A job whose end is awaited. */
export interface Expectation {
  readonly jobId: string;
  readonly patternId: string | null;
  /** Until when its event should be there, in milliseconds since 1970. */
  readonly deadlineAt: number;
  /** How often ImgGo was asked for it, or is being asked. */
  readonly asked: number;
  /** When ImgGo is to be asked, by the storage's clock; null: never again by itself. */
  readonly askAt: number | null;
  /** Why asking has not helped so far. */
  readonly lastError: string | null;
}

/** A part of the list of expectations. */
export interface ExpectationPage {
  readonly expectations: readonly Expectation[];
  /** Hand it to {@linkcode Expectations.list} for those behind these; null at the end. */
  readonly nextCursor: string | null;
}

/**
 * Which jobs' ends are awaited. `Storage.accept` ends an expectation in the same transaction in which
 * it stores an accepted event of that job. Like the storage's, every method is one transaction.
 */
export interface Expectations {
  /**
   * Awaits the end of a job for so many milliseconds; then it is time to ask ImgGo. A job that is
   * awaited already keeps the earlier deadline, and is asked for again where that was given up.
   *
   * @returns `fulfilled`: an accepted or superseded event of the job is stored, nothing is awaited.
   */
  add(request: {
    readonly jobId: string;
    readonly patternId: string | null;
    readonly withinMs: number;
  }): Promise<"waiting" | "fulfilled">;

  /**
   * Takes those for which ImgGo is to be asked now, the first due first. Nobody else gets them for
   * `leaseMs`; what is not postponed by then is due again.
   */
  claim(request: {
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly Expectation[]>;

  /** Says when to ask again: after so many milliseconds, or (null) never. */
  postpone(
    jobId: string,
    next: { readonly afterMs: number | null; readonly error: string | null },
  ): Promise<void>;

  /** What is awaited, those with the earliest deadline first. */
  list(query: { readonly limit: number; readonly cursor?: string }): Promise<ExpectationPage>;
}
