/** A job whose end is awaited. */
export interface Expectation {
  /** ImgGo's id of it. */
  readonly jobId: string;
  /** The pattern that it is run with; null where nobody said. */
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
  /** Those with the earliest deadlines first. */
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
   * awaited already keeps the earlier deadline and the first pattern that was given. Where ImgGo is
   * being asked, or is to be asked again, that stays as it is; where that was given up, it is time to
   * ask at the deadline, which mostly is at once.
   *
   * Whatever of it and `Storage.accept` comes first, or if both come at once: no expectation stays of
   * a job whose accepted event is stored.
   *
   * @returns `fulfilled`: an accepted or superseded event of the job is stored, nothing is awaited.
   */
  add(request: {
    readonly jobId: string;
    readonly patternId: string | null;
    readonly withinMs: number;
  }): Promise<"waiting" | "fulfilled">;

  /**
   * Takes those for which ImgGo is to be asked now (`askAt` has come), the first due first, and counts
   * it in `asked`. Nobody else gets them for `leaseMs`, at whose end they are due again unless
   * postponed.
   */
  claim(request: {
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly Expectation[]>;

  /**
   * Says when to ask again: after so many milliseconds from now, or (null) never; and why asking did
   * not help, which is its `lastError` from then on. Of a job that is not awaited, nothing happens.
   */
  postpone(
    jobId: string,
    next: { readonly afterMs: number | null; readonly error: string | null },
  ): Promise<void>;

  /**
   * What is awaited, those with the earliest deadline first. Following `nextCursor` shows each that
   * was there at the first call and stays, with its deadline, once.
   */
  list(query: { readonly limit: number; readonly cursor?: string }): Promise<ExpectationPage>;
}
