import type { EventFilter, Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { deliveryStates } from "../sql-rows.ts";
import { describedEvent, type DescribedRow, describeEvent } from "./describe.ts";
import { timeOf } from "./values.ts";

// How many events a call looks at, at the most, unless it is to give more than that.
const window = 10_000;

/** By what the events that a filter may mean are found. */
export type ListSource = "all" | "ofJob" | "notAccepted" | "dead";

/** A row of a page: each says where looking has ended, and one may have no event. */
type PageRow = DescribedRow & {
  /** Null: at the end of all events. */
  readonly seen_until: number | null;
};

/** The statements of `list`, by where they look. All take the values of {@linkcode listValues}. */
export function listStatements(schema: string): Readonly<Record<ListSource, string>> {
  const events = `${schema}.events`;
  const deliveries = `${schema}.deliveries`;
  // One more than asked for tells whether there is a next page.
  const most = "($2::bigint + 1)";
  const looked = `greatest(${most}, ${window})`;

  /** @param from The places of the events, with those before a place (`seq`) only. */
  const page = (from: string, order: string): string => {
    const before = `${from} AND ${order} < $1::bigint`;
    // Each in the order of an index, so that no more is read than is asked for, whatever the planner
    // takes to be cheaper. And a subquery for each event rather than EXISTS, which it may answer from
    // all deliveries of that state.
    return `WITH page AS MATERIALIZED (
        SELECT e.* FROM (
          ${
      order === "seq"
        ? `SELECT * ${before} ORDER BY seq DESC LIMIT ${looked}`
        : `SELECT events.* FROM (
            SELECT DISTINCT ${order} AS seq ${before} ORDER BY seq DESC LIMIT ${looked}
          ) found JOIN ${events} USING (seq)`
    }
        ) e
        WHERE ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR event = $4)
          AND ($5::text IS NULL OR job_id = $5) AND ($6::text IS NULL OR pattern_id = $6)
          AND ($7::smallint IS NULL OR $7 = ANY (ARRAY(
            SELECT d.state FROM ${deliveries} d WHERE d.event_seq = e.seq
          )))
          AND received_at >= ${timeOf("$8")} AND received_at < ${timeOf("$9")}
        ORDER BY seq DESC LIMIT ${most}
      )
      SELECT seen.until::float8 AS seen_until, described.* FROM (
        SELECT CASE WHEN (SELECT count(*) FROM page) < ${most} THEN (
          SELECT DISTINCT ${order} AS seq ${before} ORDER BY seq DESC OFFSET ${looked} - 1 LIMIT 1
        ) END AS until
      ) seen LEFT JOIN (SELECT ${describedEvent(schema, "page")}) described ON true
      ORDER BY described.seq DESC`;
  };
  return {
    all: page(`FROM ${events} WHERE true`, "seq"),
    ofJob: page(
      `FROM (SELECT * FROM ${events} WHERE job_id = $5::text OFFSET 0) o WHERE true`,
      "seq",
    ),
    notAccepted: page(
      `FROM ${events} WHERE state = $3::text AND state <> 'accepted'`,
      "seq",
    ),
    dead: page(`FROM ${deliveries} WHERE state = 3`, "event_seq"),
  };
}

/** Where to look for what a filter means. */
export function listSource({ jobId, state, deliveryState }: EventFilter): ListSource {
  if (jobId !== undefined) return "ofJob";
  if (state !== undefined && state !== "accepted") return "notAccepted";
  return deliveryState === "dead" ? "dead" : "all";
}

/** What the statements take. */
export function listValues(
  filter: EventFilter & { readonly limit: number; readonly cursor?: string },
): readonly unknown[] {
  const { deliveryState } = filter;
  return [
    filter.cursor ?? Number.MAX_SAFE_INTEGER,
    filter.limit,
    filter.state ?? null,
    filter.event ?? null,
    filter.jobId ?? null,
    filter.patternId ?? null,
    deliveryState === undefined ? null : deliveryStates.indexOf(deliveryState),
    filter.receivedAfter ?? -Infinity,
    filter.receivedBefore ?? Infinity,
  ];
}

/** Lists events: each call looks at a bounded number of them. */
export function createList(query: Query, schema: string): Storage["list"] {
  const statements = listStatements(schema);
  return async (request) => {
    const rows = await query<PageRow>(statements[listSource(request)], listValues(request));
    const found = rows.filter(({ id }) => id !== null);
    const page = found.slice(0, request.limit);
    const next = found.length > request.limit ? page.at(-1)?.seq : rows[0]?.seen_until;
    return { events: page.map(describeEvent), nextCursor: next ? String(next) : null };
  };
}
