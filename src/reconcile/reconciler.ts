import type { Jobs } from "../imggo/jobs.ts";
import type { Ingest, Ingested } from "../ingest.ts";
import type { Logger } from "../logger.ts";
import type { Storage } from "../storage/storage.ts";
import type { ReconcileOptions, ReconcileResult } from "./options.ts";

/** Asks ImgGo for the ends of jobs that do not come. */
export interface Reconciler {
  /** Is told that the end of a job is awaited, where that matters to it. */
  awaits?(): void;
  /** Options are checked before. */
  reconcile(options: ReconcileOptions): Promise<ReconcileResult>;
  /** Asks for what is overdue now and then, until {@linkcode Reconciler.stop}. */
  start(): void;
  /**
   * Asks for what is overdue now: for so many jobs, for so many milliseconds. Never rejects.
   *
   * @returns How many events were stored.
   */
  drain(request: { readonly budgetMs: number; readonly asks: number }): Promise<number>;
  /** Breaks off what is under way, and gives it back. Resolves within 4 s. */
  stop(): Promise<void>;
}

/** What a {@linkcode Reconciler} works with. */
export interface ReconcilerParts {
  readonly storage: Storage;
  readonly jobs: Jobs;
  /** Whether this process asks by itself. */
  readonly asks: boolean;
  readonly ingest: Ingest;
  /** Sees to what is due by what was stored. */
  readonly announce: (ingested: Ingested) => Promise<void>;
  readonly logger: Logger;
}
