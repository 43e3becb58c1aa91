import type { DeadFilter } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { deadValues, redriveBy } from "./dead.ts";

/** Makes an event's deliveries to these processors due again; how many. */
export function redeliver(
  connection: Connection,
  eventId: string,
  processors: readonly string[],
  time: number,
): number {
  const event = connection.one("eventOfLease", eventId);
  if (event?.state !== "accepted") return 0;
  let count = 0;
  // One that was made due is pending: named twice, it is counted once.
  for (const processor of processors) count += connection.run("addDue", event.seq, processor, time);
  return count;
}

/** Makes dead deliveries due again; how many. */
export function redrive(
  connection: Connection,
  { limit, ...filter }: DeadFilter & { readonly limit: number },
  time: number,
): number {
  return connection.all(redriveBy(filter), ...deadValues(filter), limit, time).length;
}
