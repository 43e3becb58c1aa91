import type { DeliveryState, EventState } from "../storage/storage.ts";

/** Where to go on in a list, and how far. */
export interface ListRequest {
  /** 1 to 200. Default 50. */
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Which events: those to which all that is given applies. Times are ISO 8601. */
export interface ListEventsRequest extends ListRequest {
  readonly state?: EventState | undefined;
  readonly event?: string | undefined;
  readonly job_id?: string | undefined;
  readonly pattern_id?: string | undefined;
  /** Those with a delivery in this state. */
  readonly delivery_state?: DeliveryState | undefined;
  readonly received_after?: string | undefined;
  readonly received_before?: string | undefined;
}

/** Which deliveries of an event: without a processor all that it has. */
export interface RedeliverRequest {
  readonly processor?: string | undefined;
}

/** Which dead deliveries: those to which all that is given applies. Times are ISO 8601. */
export interface RedriveRequest {
  readonly processor?: string | undefined;
  /** The error that they died of, exactly. */
  readonly error?: string | undefined;
  readonly event?: string | undefined;
  readonly pattern_id?: string | undefined;
  readonly dead_after?: string | undefined;
  readonly dead_before?: string | undefined;
  /** The most that are made due by this call. Default all. */
  readonly limit?: number | undefined;
  /** Just counts them. Default false. */
  readonly dry_run: boolean;
}

/** Where to begin. */
export interface ReverifyRequest {
  /** What the answer before gave as `next_cursor`. Default with the first. */
  readonly cursor?: string | undefined;
}

/** The job whose end is awaited. */
export interface ExpectRequest {
  readonly job_id: string;
  readonly pattern_id?: string | null | undefined;
  /** After how many seconds ImgGo is asked. Default 600. */
  readonly deadline_s: number;
}

/** How long to process what is due. */
export interface DrainRequest {
  /** In milliseconds, at most 300,000. Default 25,000. */
  readonly budget_ms: number;
}

/** The request of each operation that takes one, by its name. */
export interface Requests {
  readonly listEvents: ListEventsRequest;
  readonly redeliver: RedeliverRequest;
  readonly redrive: RedriveRequest;
  readonly listRejections: ListRequest;
  readonly reverify: ReverifyRequest;
  readonly expect: ExpectRequest;
  readonly listExpectations: ListRequest;
  readonly drain: DrainRequest;
  /** Of every other one. */
  readonly nothing: Readonly<Record<string, never>>;
}
