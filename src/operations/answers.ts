import type { DrainResult } from "../drainer.ts";
import type { AttemptState, DeliveryState, EventOrigin, EventState } from "../storage/storage.ts";

// What is stored, as JSON tells it: names in snake_case, times in ISO 8601 (UTC), sizes in bytes.

/** An event, as a list tells it. */
export interface EventJson {
  readonly id: string;
  /** Its name; null where the payload could not be understood. */
  readonly event: string | null;
  readonly state: EventState;
  readonly origin: EventOrigin;
  readonly job_id: string | null;
  readonly pattern_id: string | null;
  readonly received_at: string;
  readonly size: number;
  /** How many more requests of the same key came. */
  readonly duplicates: number;
  /** What makes two requests the same event. */
  readonly key: string;
  readonly deliveries: readonly DeliveryJson[];
}

/** One event for one processor. */
export interface DeliveryJson {
  readonly processor: string;
  readonly state: DeliveryState;
  /** How often it was run, the running attempt included. */
  readonly attempts: number;
  /** When it may run (`pending`) or its lease ends (`running`). */
  readonly due_at: string | null;
  readonly ended_at: string | null;
  /** Why the last failed attempt failed. */
  readonly last_error: string | null;
}

/** An event, with all that is known of it. */
export interface EventDetailJson extends EventJson {
  /** The trace of its receipt, where it was traced. */
  readonly trace_id: string | null;
  readonly deliveries: readonly DeliveryDetailJson[];
  /** The event as processors get it; null of one that is no end of a job. */
  readonly canonical: Readonly<Record<string, unknown>> | null;
  /** Of a quarantined one: why it is not understood. */
  readonly code?: "invalid_json" | "invalid_payload" | undefined;
  readonly issues?: readonly IssueJson[] | undefined;
}

/** A delivery with its attempts. */
export interface DeliveryDetailJson extends DeliveryJson {
  /** The last 20, the first first. */
  readonly history: readonly AttemptJson[];
}

/** One run of a processor. */
export interface AttemptJson {
  /** Which one it is, from 1, since the delivery was made or last began anew. */
  readonly attempt: number;
  readonly state: AttemptState;
  readonly started_at: string;
  /** Null of one that runs or was lost. */
  readonly ended_at: string | null;
  readonly error: string | null;
}

/** What was expected where. */
export interface IssueJson {
  readonly path: string;
  readonly message: string;
}

/** What there is, counted. */
export interface StatsJson {
  readonly events: Readonly<Record<EventState, number>>;
  readonly deliveries: Readonly<Record<DeliveryState, number>>;
  /** Requests that were duplicates of events that are still there. */
  readonly duplicates: number;
  /** Deliveries that have yet to end. */
  readonly backlog: number;
  /** Since when the delivery that waits longest could have run; null: none is due. */
  readonly oldest_due_at: string | null;
  /** How long that is. */
  readonly oldest_pending_seconds: number | null;
  /** When the last event came; null: none is there. */
  readonly last_received_at: string | null;
  readonly last_event_age_seconds: number | null;
  readonly rates: { readonly last_hour: RatesJson; readonly last_day: RatesJson };
  /** Jobs whose ends are awaited: within their deadline, and past it. */
  readonly expectations: { readonly waiting: number; readonly overdue: number };
  /** As `expectations.overdue`. */
  readonly overdue: number;
  /** Refused requests that are kept. */
  readonly rejections: number;
  /** Events that wait in the spool. */
  readonly spooled: number;
}

/** How often things happened within a time. */
export interface RatesJson {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: number;
  readonly dead: number;
}

/** A refused request. */
export interface RejectionJson {
  readonly id: string;
  readonly received_at: string;
  readonly size: number;
  /** In hexadecimal. */
  readonly signature: string;
}

/** A job whose end is awaited. */
export interface ExpectationJson {
  readonly job_id: string;
  readonly pattern_id: string | null;
  readonly deadline_at: string;
  readonly overdue: boolean;
  /** How often ImgGo was asked for it. */
  readonly asked: number;
  /** When ImgGo is to be asked; null: never again by itself. */
  readonly ask_at: string | null;
  /** Why asking has not helped so far. */
  readonly last_error: string | null;
}

/** A part of a list. */
export interface PageJson<Item> {
  readonly data: readonly Item[];
  /** Hand it in as `cursor` for what is behind these; null at the end. */
  readonly next_cursor: string | null;
}

/** What `redeliver` did. */
export interface RedeliverJson {
  readonly id: string;
  /** How many deliveries are due by it. */
  readonly count: number;
  /** Their processors. */
  readonly processors: readonly string[];
  /** The processors that have yet to end, whose deliveries stay as they are. */
  readonly open: readonly string[];
}

/** What `redrive` did, or would do. */
export interface RedriveJson {
  /** How many dead deliveries are due again; with `dry_run`, how many would be. */
  readonly count: number;
  readonly dry_run: boolean;
  /** How many more there are. */
  readonly remaining: number;
}

/** What `reverify` did. */
export interface ReverifyJson {
  readonly checked: number;
  /** Stored now as events, those included that are ignored or quarantined. */
  readonly accepted: number;
  /** Of an event that was stored before. */
  readonly duplicates: number;
  /** Still not signed by any of the secrets: kept further. */
  readonly left: number;
  /** False: there was no time for all of them, call again. */
  readonly complete: boolean;
  /** Hand it in as `cursor` for those that were not looked at; null where all were. */
  readonly next_cursor: string | null;
}

/** Whether a job's end is awaited now, or stored already. */
export interface ExpectJson {
  readonly job_id: string;
  readonly state: "waiting" | "fulfilled";
}

/** The answer of each operation, by its name. */
export interface Answers {
  readonly listEvents: PageJson<EventJson>;
  readonly getEvent: EventDetailJson;
  readonly redeliver: RedeliverJson;
  readonly redrive: RedriveJson;
  readonly stats: StatsJson;
  readonly listRejections: PageJson<RejectionJson>;
  readonly reverify: ReverifyJson;
  readonly expect: ExpectJson;
  readonly listExpectations: PageJson<ExpectationJson>;
  readonly drain: DrainResult;
}
