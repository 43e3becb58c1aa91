import type { EventFilter } from "../storage.ts";
import { timeOf } from "./values.ts";

/** By what the events that a filter may mean are found. */
export type ListSource =
  | "ofJob"
  | "running"
  | "dead"
  | "notAccepted"
  | "named"
  | "ofPattern"
  | "pending"
  | "received"
  | "all";

/** Where events are found, by the values that `list` takes. */
export interface Places {
  /** `FROM … WHERE …`. */
  readonly from: string;
  /** The column that says which events, by their `seq`. */
  readonly column: "seq" | "event_seq";
  /** Whether all that a filter means is among them. */
  readonly serves: (filter: EventFilter) => boolean;
}

/** All sources, in a schema; of those that hold equally few the first is the best. */
export function listSources(schema: string): Readonly<Record<ListSource, Places>> {
  /** By an index that ends with `seq`. */
  const events = (condition: string, serves: Places["serves"]): Places => ({
    from: `FROM ${schema}.events WHERE ${condition}`,
    column: "seq",
    serves,
  });

  /** By an index in another order, which is read for all of them first. */
  const gathered = (condition: string, serves: Places["serves"]): Places => ({
    from: `FROM (SELECT seq FROM ${schema}.events WHERE ${condition} OFFSET 0) o WHERE true`,
    column: "seq",
    serves,
  });

  /** By the index of deliveries in this state. */
  const deliveries = (state: number, name: EventFilter["deliveryState"]): Places => ({
    from: `FROM ${schema}.deliveries WHERE state = ${state}`,
    column: "event_seq",
    serves: ({ deliveryState }) => deliveryState === name,
  });

  return {
    ofJob: gathered("job_id = $5::text", ({ jobId }) => jobId !== undefined),
    running: deliveries(1, "running"),
    dead: deliveries(3, "dead"),
    notAccepted: events(
      "state = $3::text AND state <> 'accepted'",
      ({ state }) => state !== undefined && state !== "accepted",
    ),
    named: events(
      "event = $4::text AND event <> 'job.succeeded'",
      ({ event }) => event !== undefined && event !== "job.succeeded",
    ),
    ofPattern: events("pattern_id = $6::text", ({ patternId }) => patternId !== undefined),
    pending: deliveries(0, "pending"),
    received: gathered(
      `received_at >= ${timeOf("$8")} AND received_at < ${timeOf("$9")}`,
      ({ receivedAfter, receivedBefore }) =>
        receivedAfter !== undefined || receivedBefore !== undefined,
    ),
    all: events("true", () => true),
  };
}
