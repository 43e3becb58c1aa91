import type { EventRow } from "../sql-rows.ts";
import { describedEvent } from "./statements.ts";

// Where the search for what a filter means begins: the events to look at, the last stored first, ?9 of
// those before ?8. The parameters are the same in each, so that none depends on which one it is.
const looked = {
  everyEvent: "SELECT seq FROM events WHERE seq < ?8 ORDER BY seq DESC LIMIT ?9",
  // Few lie close together, mostly; of many it is not worth while to tell where.
  receivedBetween: `WITH received AS MATERIALIZED (
      SELECT count(*) = 10000 AS many, min(seq) AS first, max(seq) AS last
      FROM (SELECT seq FROM events WHERE received_at >= ?5 AND received_at < ?6 LIMIT 10000)
    ) SELECT seq FROM events WHERE seq >= (SELECT iif(many, 0, first) FROM received)
      AND seq < (SELECT iif(many, ?8, min(?8, last + 1)) FROM received)
    ORDER BY seq DESC LIMIT ?9`,
  ofState: `SELECT seq FROM events INDEXED BY events_state
    WHERE state = ?1 AND state <> 'accepted' AND seq < ?8 ORDER BY seq DESC LIMIT ?9`,
  ofJob: `SELECT seq FROM events
      WHERE job_id = ?3 AND state IN ('accepted', 'superseded') AND seq < ?8
    UNION ALL SELECT seq FROM events
      WHERE job_id = ?3 AND state IN ('ignored', 'quarantined') AND seq < ?8
    ORDER BY seq DESC LIMIT ?9`,
  // The rows of deliveries are smaller than those of events.
  withDeliveries: `SELECT DISTINCT event_seq FROM deliveries
    WHERE event_seq < ?8 ORDER BY event_seq DESC LIMIT ?9`,
  withDeadOnes: `SELECT DISTINCT event_seq FROM deliveries INDEXED BY deliveries_dead_event
    WHERE state = 3 AND event_seq < ?8 ORDER BY event_seq DESC LIMIT ?9`,
};

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
