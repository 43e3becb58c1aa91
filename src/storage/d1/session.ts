import { pause } from "../../deadline.ts";
import { classify, isPassing } from "./classify.ts";
import type { D1Database, D1Statement, D1Value } from "./database.ts";
import { migrate } from "./migrate.ts";

/** The rows of each statement of a transaction. */
export type D1Rows = readonly (readonly unknown[])[];

/** A database whose tables are there, and whose errors are classified. */
export interface D1Session {
  /** A statement with its values, which are copied. */
  bind(sql: string, ...values: readonly D1Value[]): D1Statement;
  /** Runs statements as one transaction. */
  run(statements: readonly D1Statement[]): Promise<D1Rows>;
  /**
   * The same, again and again where D1 was only away, until the signal aborts or 4 s are over. The
   * answer may be lost and the work done, so the statements must do no harm twice.
   */
  runPatiently(statements: readonly D1Statement[], signal?: AbortSignal): Promise<D1Rows>;
}

// What waits longer is answered too late.
const retryWithinMs = 4_000;

/** Makes a session. The first call migrates the database. */
export function createSession(database: D1Database): D1Session {
  // Not a promise: on Workers that of one request must not be awaited in another.
  let migrated = false;

  const run: D1Session["run"] = async (statements) => {
    try {
      if (!migrated) await migrate(database);
      migrated = true;
      return (await database.batch([...statements])).map(({ results }) => results);
    } catch (cause) {
      const error = classify(cause);
      // The database may have been emptied.
      if (error.code === "schema") migrated = false;
      throw error;
    }
  };

  return {
    bind: (sql, ...values) => database.prepare(sql).bind(...values),
    run,
    async runPatiently(statements, signal) {
      const giveUpAt = performance.now() + retryWithinMs;
      for (let wait = 50;; wait = Math.min(wait * 2, 1_000)) {
        try {
          return await run(statements);
        } catch (error) {
          if (!isPassing(error) || signal?.aborted || performance.now() > giveUpAt) throw error;
        }
        await pause(wait * (0.5 + Math.random()), signal);
      }
    },
  };
}
