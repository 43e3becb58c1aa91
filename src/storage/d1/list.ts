import {
  aheadOf,
  type Answers,
  beforeOf,
  filteredPageOf,
  isUnfiltered,
  type ListQuery,
  pageOf,
  planOf,
} from "../sqlite/list.ts";
import type { AheadRows, FilteredRow } from "../sqlite/list-statements.ts";
import { describeEvent } from "../sqlite/rows.ts";
import type { EventRow } from "../sql-rows.ts";
import type { Rows } from "../sqlite/statements.ts";
import type { EventPage } from "../storage.ts";
import { operatingStatements as sql } from "./operating-statements.ts";
import type { D1Session } from "./session.ts";

type DeliveryOfPage = Rows["deliveries"] & { readonly event_seq: number };

/** A page of events: one batch, and for some filters one ahead of it. */
export async function list(session: D1Session, query: ListQuery): Promise<EventPage> {
  const { bind, run } = session;
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
      bind(sql.page, before, limit + 1),
      bind(sql.deliveriesOfPage, before, limit),
    ]) as [EventRow[], DeliveryOfPage[]];
    return pageOf(rows, parts(deliveries));
  }
  const plan = planOf(query, await askAhead(session, query));
  const { source, values } = plan;
  const [rows = [], deliveries = []] = await run([
    bind(sql[source], ...values),
    bind(sql[`${source}Deliveries`], ...values),
  ]) as [FilteredRow[], DeliveryOfPage[]];
  return filteredPageOf(rows, plan, parts(deliveries));
}

async function askAhead({ bind, run }: D1Session, query: ListQuery): Promise<Answers> {
  const { received, sizes } = aheadOf(query);
  const [ofReceived = [], ofSizes = []] = [
    received ? [bind(sql.received, ...received)] : [],
    sizes ? [bind(sql.sizes, ...sizes)] : [],
  ];
  if (ofReceived.length + ofSizes.length === 0) return {};
  const rows = await run([...ofReceived, ...ofSizes]) as (AheadRows[keyof AheadRows])[][];
  return {
    received: received && rows[0]?.[0] as AheadRows["received"],
    sizes: sizes && rows.at(-1)?.[0] as AheadRows["sizes"],
  };
}
