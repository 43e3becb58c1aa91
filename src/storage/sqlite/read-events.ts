import type { EventPage, StoredEvent } from "../storage.ts";
import type { Connection } from "./connection.ts";
import {
  aheadOf,
  beforeOf,
  filteredPageOf,
  isUnfiltered,
  type ListQuery,
  pageOf,
  planOf,
} from "./list.ts";
import { describeEvent } from "./rows.ts";
import type { EventRow } from "../sql-rows.ts";

/** The event of this id. */
export function get(connection: Connection, id: string): StoredEvent | undefined {
  const row = connection.one("event", id);
  return row && describe(connection, row);
}

/** A page of events. */
export function list(connection: Connection, query: ListQuery): EventPage {
  const { limit } = query;
  const parts = { limit, describe: (row: EventRow) => describe(connection, row) };
  if (isUnfiltered(query)) {
    // One more than asked for tells whether there is a next page.
    return pageOf(connection.all("page", beforeOf(query), limit + 1), parts);
  }
  const { received, sizes } = aheadOf(query);
  const plan = planOf(query, {
    received: received && connection.one("received", ...received),
    sizes: sizes && connection.one("sizes", ...sizes),
  });
  return filteredPageOf(connection.all(plan.source, ...plan.values), plan, parts);
}

function describe(connection: Connection, row: EventRow): StoredEvent {
  return describeEvent(row, connection.all("deliveries", row.seq));
}
