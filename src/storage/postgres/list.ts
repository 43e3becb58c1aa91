import { deliveryStates } from "../sql-rows.ts";
import type { EventFilter, Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { describedEvent, type DescribedRow, describeEvent } from "./describe.ts";
import { type ListSource, listSources } from "./list-sources.ts";
import { checkPlace, timeOf } from "./values.ts";

// How many events a call looks at, at the most, unless it is to give more than that.
const window = 10_000;

// One more than asked for tells whether there is a next page.
const most = "($2::bigint + 1)";
const looked = `greatest(${most}, ${window})`;

// Not run, but it tells the types of what no source needs.
const given = `WITH given AS (
    SELECT $1::bigint, $2::bigint, $3::text, $4::text, $5::text, $6::text, $7::smallint, $8::float8,
      $9::float8
  )`;

/** What is asked of `list`. */
type ListRequest = Parameters<Storage["list"]>[0];

/** A row of a page: each says where looking has ended, and one may have no event. */
type PageRow = DescribedRow & {
  /** Null: at the end of all events. */
  readonly seen_until: number | null;
};

/** The statement that lists what is meant of a source. It takes {@linkcode listValues}. */
function listStatement(schema: string, source: ListSource): string {
  const { from, column } = listSources(schema)[source];
  const events = `${schema}.events`;
  const distinct = column === "seq" ? column : `DISTINCT ${column}`;
  const before = `${from} AND ${column} < $1::bigint`;
  // Each in the order of an index, so that no more is read than is asked for, whatever the planner
  // takes to be cheaper: and so the events of what is found are read one by one. And a subquery for
  // each rather than EXISTS, which it may answer from all deliveries of that state.
  return `WITH page AS MATERIALIZED (
      SELECT e.* FROM (
        SELECT ${distinct} AS seq ${before} ORDER BY seq DESC LIMIT ${looked}
      ) found CROSS JOIN LATERAL (SELECT * FROM ${events} WHERE seq = found.seq OFFSET 0) e
      WHERE ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR event = $4)
        AND ($5::text IS NULL OR job_id = $5) AND ($6::text IS NULL OR pattern_id = $6)
        AND ($7::smallint IS NULL OR $7 = ANY (ARRAY(
          SELECT d.state FROM ${schema}.deliveries d WHERE d.event_seq = e.seq
        )))
        AND received_at >= ${timeOf("$8")} AND received_at < ${timeOf("$9")}
      ORDER BY found.seq DESC LIMIT ${most}
    )
    SELECT seen.until::float8 AS seen_until, described.* FROM (
      SELECT CASE WHEN (SELECT count(*) FROM page) < ${most} THEN (
        SELECT ${distinct} AS seq ${before} ORDER BY seq DESC OFFSET ${looked} - 1 LIMIT 1
      ) END AS until
    ) seen LEFT JOIN (SELECT ${describedEvent(schema, "page")}) described ON true
    ORDER BY described.seq DESC`;
}

/**
 * The statement that tells how much is found by each source, and null of more than one call looks at.
 * It takes {@linkcode listValues}.
 */
function measureStatement(schema: string, among: readonly ListSource[]): string {
  const sources = listSources(schema);
  const counts = among.map((name) =>
    `(SELECT CASE WHEN count(*) <= ${looked} THEN count(*) END::float8 FROM (
        SELECT ${sources[name].from} LIMIT ${looked} + 1
      ) ${name}) AS "${name}"`
  );
  return `${given} SELECT ${counts.join(", ")}`;
}

/** What the statements take. */
function listValues(filter: ListRequest): readonly unknown[] {
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

/**
 * The statement that tells the last of the events that were received in a time. It takes
 * {@linkcode listValues}.
 */
function lastReceivedStatement(schema: string): string {
  return `${given} SELECT max(seq)::float8 AS seq ${listSources(schema).received.from}`;
}

/** By what it may be worth to look for what a filter means. */
function candidateSources(filter: EventFilter): readonly ListSource[] {
  return Object.entries(listSources("")).filter(([, { serves }]) => serves(filter))
    .map(([name]) => name as ListSource);
}

/** Lists events: each call looks at a bounded number of them. */
export function createList(query: Query, schema: string): Storage["list"] {
  type Counts = Readonly<Partial<Record<ListSource, number | null>>>;

  /** By what to look, and before which place. */
  const begin = async (
    request: ListRequest,
  ): Promise<{ readonly source: ListSource; readonly before: string | undefined }> => {
    const { cursor: before, receivedBefore } = request;
    const candidates = candidateSources(request);
    const among = candidates.filter((name) => name !== "all");
    if (among.length < 2 && !among.includes("received")) {
      return { source: candidates[0] ?? "all", before };
    }
    const values = listValues(request);
    const [counts = {}] = await query<Counts>(measureStatement(schema, among), values);
    const countOf = (name: ListSource) => counts[name] ?? Number.MAX_SAFE_INTEGER;
    const [best = "all"] = among.toSorted((one, other) => countOf(one) - countOf(other));
    if (counts[best] !== null) return { source: best, before };
    // Of many that were received at a time, most were stored one behind the other.
    const source = best === "received" ? "all" : best;
    if (receivedBefore === undefined || before !== undefined) return { source, before };
    const [last] = await query<{ seq: number }>(lastReceivedStatement(schema), values);
    return { source, before: String((last?.seq ?? 0) + 1) };
  };

  return async (request) => {
    checkPlace(request.cursor);
    const { source, before } = await begin(request);
    const values = listValues({ ...request, ...before !== undefined && { cursor: before } });
    const rows = await query<PageRow>(listStatement(schema, source), values);
    const found = rows.filter(({ id }) => id !== null);
    const page = found.slice(0, request.limit);
    const next = found.length > request.limit ? page.at(-1)?.seq : rows[0]?.seen_until;
    return { events: page.map(describeEvent), nextCursor: next ? String(next) : null };
  };
}
