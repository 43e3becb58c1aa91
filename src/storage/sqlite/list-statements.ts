import type { EventRow } from "../sql-rows.ts";
import { describedEvent } from "./event-statements.ts";
import { anyEndsOfJob } from "./shared-statements.ts";

// Where the search for what a filter means begins: the events to look at, the last stored first, ?9 of
// those from ?11 on and before ?8. The parameters are the same in each, so that none depends on which
// one it is.
const within = "seq >= ?11 AND seq < ?8";
const lastFirst = "ORDER BY seq DESC LIMIT ?9";
const deliveriesWithin = "event_seq >= ?11 AND event_seq < ?8 ORDER BY event_seq DESC LIMIT ?9";
const looked = {
  everyEvent: `SELECT seq FROM events WHERE ${within} ${lastFirst}`,
  ofPattern: `SELECT seq FROM events INDEXED BY events_pattern
    WHERE pattern_id = ?4 AND ${within} ${lastFirst}`,
  ofOtherName: `SELECT seq FROM events INDEXED BY events_other_name
    WHERE event = ?2 AND event <> 'job.succeeded' AND ${within} ${lastFirst}`,
  ofState: `SELECT seq FROM events INDEXED BY events_state
    WHERE state = ?1 AND state <> 'accepted' AND ${within} ${lastFirst}`,
  ofJob: `SELECT seq FROM (${anyEndsOfJob("?3")}
    UNION ALL SELECT seq FROM events WHERE job_id = ?3 AND state IN ('ignored', 'quarantined'))
    WHERE ${within} ${lastFirst}`,
  // The rows of deliveries are smaller than those of events.
  withDeliveries: `SELECT DISTINCT event_seq FROM deliveries WHERE ${deliveriesWithin}`,
  // In the order of when they are due: all of them are sorted.
  withOpenOnes: `SELECT DISTINCT event_seq FROM deliveries INDEXED BY deliveries_due
    WHERE state < 2 AND state = ?7 AND ${deliveriesWithin}`,
  withDeadOnes: `SELECT DISTINCT event_seq FROM deliveries INDEXED BY deliveries_dead_event
    WHERE state = 3 AND ${deliveriesWithin}`,
};

/** As many as this are counted so as to see which are the fewest. */
export const mostCounted = 100_000;

const counted = (what: string) =>
  `(SELECT count(*) FROM (SELECT 1 FROM ${what} LIMIT ${mostCounted}))`;

/** What is asked ahead of a list, by name. */
export const aheadStatements = {
  // Few lie close together, mostly. ?3 is how many to look at, -1 for all.
  received: `SELECT count(*) AS count, min(seq) AS first, max(seq) AS last
    FROM (SELECT seq FROM events INDEXED BY events_received
      WHERE received_at >= ?1 AND received_at < ?2 LIMIT ?3)`,
  // Of what a filter does not name there are none.
  sizes: `SELECT
    ${counted("events INDEXED BY events_pattern WHERE pattern_id = ?1")} AS ofPattern,
    ${
    counted("events INDEXED BY events_other_name WHERE event = ?2 AND event <> 'job.succeeded'")
  } AS ofOtherName,
    ${
    counted("events INDEXED BY events_state WHERE state = ?3 AND state <> 'accepted'")
  } AS ofState,
    ${
    counted("deliveries INDEXED BY deliveries_dead_event WHERE state = 3 AND ?4 = 3")
  } AS withDeadOnes,
    ${counted("deliveries INDEXED BY deliveries_due WHERE state < 2 AND ?4 < 2")} AS withOpenOnes`,
};

/** What the rows of {@linkcode aheadStatements} hold. */
export interface AheadRows {
  received: {
    readonly count: number;
    readonly first: number | null;
    readonly last: number | null;
  };
  sizes: Readonly<
    Record<"ofPattern" | "ofOtherName" | "ofState" | "withDeadOnes" | "withOpenOnes", number>
  >;
}

/** Where the search for what a filter means begins. */
export type Source = keyof typeof looked;

const meant = `seq IN (SELECT seq FROM looked)
  AND (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR event = ?2) AND (?3 IS NULL OR job_id = ?3)
  AND (?4 IS NULL OR pattern_id = ?4) AND +received_at >= ?5 AND +received_at < ?6
  AND (?7 IS NULL OR EXISTS (SELECT 1 FROM deliveries
    WHERE event_seq = seq AND deliveries.state = ?7))
  ORDER BY seq DESC LIMIT ?10`;

const withLooked = (source: Source) => `WITH looked (seq) AS MATERIALIZED (${looked[source]})`;

const pageSql = (source: Source) =>
  `${withLooked(source)} SELECT * FROM
    (SELECT count(*) AS looked, min(seq) AS last_looked FROM looked)
    LEFT JOIN (${describedEvent} WHERE ${meant}) ORDER BY seq DESC`;

const deliveriesSql = (source: Source) =>
  `${withLooked(source)} SELECT event_seq, processor, state, attempts, due_at, last_error
    FROM deliveries WHERE event_seq IN (SELECT seq FROM events WHERE ${meant})
    ORDER BY event_seq, processor`;

const sources = Object.keys(looked) as Source[];

/** The events that a filter means. The first row always is there: it says how far was looked. */
export const filteredPages: Readonly<Record<Source, string>> = Object.fromEntries(
  sources.map((source) => [source, pageSql(source)]),
) as Record<Source, string>;

/** The deliveries of the same events. */
export const deliveriesOfFilteredPages: Readonly<Record<`${Source}Deliveries`, string>> = Object
  .fromEntries(
    sources.map((source) => [`${source}Deliveries`, deliveriesSql(source)]),
  ) as Record<`${Source}Deliveries`, string>;

/** What one of {@linkcode filteredPages} gives. */
export type FilteredRow =
  & { readonly looked: number; readonly last_looked: number | null }
  & (EventRow | { readonly seq: null });
