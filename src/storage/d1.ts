import type { D1Database } from "./d1/database.ts";
import { createOperating } from "./d1/operating.ts";
import { createReceiving } from "./d1/receiving.ts";
import { createSession } from "./d1/session.ts";
import type { Storage } from "./storage.ts";

export { maxD1BodyBytes } from "./d1/body.ts";
export type { D1Database, D1Statement } from "./d1/database.ts";

/** What {@linkcode d1Storage} takes. */
export interface D1StorageOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Keeps events in a Cloudflare D1 database. What `accept()` has stored is durable when its promise
 * resolves. Any number of Workers may share a database; it should be one of its own.
 *
 * The tables are made or migrated at the first use. D1 counts queries: 1,000 for each invocation of
 * a Worker, 50 on the free plan. A new event that is a job's end takes 4, or 6 if it is a
 * `job.succeeded`, any other takes 2; one with a trace takes 1 more, and so does one that is known; a
 * claim takes 1 for each processor, and 2 to 4 more where something is due; settling takes 1, or 2
 * where the attempt failed; renewing, pinging, counting, redelivering and redriving take 1, the others
 * 1 to 5. The first call takes 1 more. Of expectations a claim takes 2 and the others 1; of rejections
 * and of activity adding takes 2, and the others 1.
 *
 * D1 also counts the rows it reads: `stats()` reads one for each event and one for each delivery
 * that is there, so don't ask for it every few seconds. The first page of a list of what was received
 * before a time reads one for each event that was, and one of what is pending or running one for each
 * that is either.
 *
 * D1 takes bytes at ten times the cost of text, so a body that is not UTF-8 costs more, and one that
 * holds U+FFFD takes a query more to read. A body may have {@linkcode maxD1BodyBytes}; a larger one
 * is a `StorageError` with the code `full`.
 *
 * @param database The binding. The storage may be used in any request of an isolate.
 */
export function d1Storage(
  database: D1Database,
  { now = Date.now }: D1StorageOptions = {},
): Storage {
  const session = createSession(database);
  const receiving = createReceiving(session, now);
  const operating = createOperating(session, now);
  return {
    ...receiving,
    ...operating,
    rejections: { ...receiving.rejections, ...operating.rejections },
  };
}
