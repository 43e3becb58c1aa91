import {
  beforeOf,
  filteredPageOf,
  filterValues,
  isUnfiltered,
  type ListQuery,
  pageOf,
  sourceOf,
} from "../sqlite/list.ts";
import type { FilteredRow } from "../sqlite/list-statements.ts";
import { describeEvent } from "../sqlite/rows.ts";
import type { EventRow } from "../sql-rows.ts";
import type { Rows } from "../sqlite/statements.ts";
import type { EventPage } from "../storage.ts";
import type { D1Session } from "./session.ts";

type DeliveryOfPage = Rows["deliveries"] & { readonly event_seq: number };

/** A page of events: one batch. */
export async function list({ bind, run }: D1Session, query: ListQuery): Promise<EventPage> {
  const { limit } = query;
  const parts = (deliveries: readonly DeliveryOfPage[]) => ({
    limit,
    describe: (row: EventRow) =>
      describeEvent(row, deliveries.filter(({ event_seq }) => event_seq === row.seq)),
  });
  if (isUnfiltered(query)) {
    const before = beforeOf(query);
    // One more than asked for tells whether there is a next page.
    const [rows = [], deliveries = []] = await run([
      bind("page", before, limit + 1),
      bind("deliveriesOfPage", before, limit),
    ]) as [EventRow[], DeliveryOfPage[]];
    return pageOf(rows, parts(deliveries));
  }
  const source = sourceOf(query);
  const values = filterValues(query);
  const [rows = [], deliveries = []] = await run([
    bind(source, ...values),
    bind(`${source}Deliveries`, ...values),
  ]) as [FilteredRow[], DeliveryOfPage[]];
  return filteredPageOf(rows, parts(deliveries));
}
