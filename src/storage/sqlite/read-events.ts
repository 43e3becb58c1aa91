import type { EventPage, StoredEvent } from "../storage.ts";
import type { Connection } from "./connection.ts";
import {
  beforeOf,
  filteredPageOf,
  filterValues,
  isUnfiltered,
  type ListQuery,
  pageOf,
  sourceOf,
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
  return isUnfiltered(query)
    // One more than asked for tells whether there is a next page.
    ? pageOf(connection.all("page", beforeOf(query), limit + 1), parts)
    : filteredPageOf(connection.all(sourceOf(query), ...filterValues(query)), parts);
}

function describe(connection: Connection, row: EventRow): StoredEvent {
  return describeEvent(row, connection.all("deliveries", row.seq));
}
