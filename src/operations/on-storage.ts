import { parseEvent } from "../event.ts";
import type { HandlerContext } from "../follow-up.ts";
import type { PluginHost } from "../plugin.ts";
import { pingWithin } from "../storage/ping-within.ts";
import {
  type DeadFilter,
  type EventFilter,
  StorageError,
  type StoredEvent,
} from "../storage/storage.ts";
import { eventDetailJson, eventJson, expectationJson, rejectionJson, statsJson } from "./json.ts";
import { OperationError, type Operations } from "./operations.ts";
import type { ListEventsRequest, ListRequest, RedriveRequest } from "./requests.ts";

/** What {@linkcode createOperations} works on: what a plugin knows of its receiver. */
export type OperationsHost = Pick<
  PluginHost,
  "storage" | "processors" | "role" | "expect" | "reverify" | "drain" | "workSoon"
>;

// So that whoever asks gets an answer, on a platform that gives a request little time too.
const pageWithinMs = 1_500;
const batchesWithinMs = 3_000;
const batchSize = 500;
const pingWithinMs = 1_000;
// No storage is asked for another: some could not even look for it.
const idForm = /^[\w-]{1,100}$/;
const dayMs = 24 * 3_600_000;

/** Operates on a receiver's storage. */
export function createOperations(host: OperationsHost, context?: HandlerContext): Operations {
  const { storage } = host;

  const find = async (id: string): Promise<StoredEvent> => {
    if (!idForm.test(id)) throw unknownEvent();
    const stored = await storage.get(id);
    if (stored === undefined) throw unknownEvent();
    return stored;
  };

  const body = async (id: string): Promise<Uint8Array<ArrayBuffer>> => {
    if (!idForm.test(id)) throw unknownEvent();
    const bytes = await storage.body(id);
    if (bytes === undefined) throw unknownEvent();
    return bytes;
  };

  return {
    async listEvents({ limit, cursor, ...request }) {
      const filter = eventFilter(request);
      const end = performance.now() + pageWithinMs;
      const events: StoredEvent[] = [];
      let next = cursor;
      do {
        const position = { limit: limit - events.length, cursor: next };
        const page = await at(position, (position) => storage.list({ ...filter, ...position }));
        events.push(...page.events);
        next = page.nextCursor ?? undefined;
      } while (next !== undefined && events.length < limit && performance.now() < end);
      return { data: events.map(eventJson), next_cursor: next ?? null };
    },

    async getEvent(id) {
      const stored = await find(id);
      const [attempts, bytes] = await Promise.all([storage.attempts(id), body(id)]);
      return eventDetailJson(stored, attempts, parseEvent(bytes, stored.receivedAt));
    },

    eventBody: body,

    async redeliver(id, { processor }) {
      const { state, deliveries } = await find(id);
      if (state !== "accepted") {
        throw new OperationError(
          "not_possible",
          `The event is ${state}: only what is accepted is handed to processors.`,
        );
      }
      const known = deliveries.map((delivery) => delivery.processor);
      if (processor !== undefined && ![...known, ...host.processors].includes(processor)) {
        const names = [...new Set([...known, ...host.processors])].join(", ");
        const message = `expected one of ${names}; nobody would run another`;
        throw new OperationError("invalid_request", `processor: ${message}.`, [
          { path: "processor", message },
        ]);
      }
      if (processor === undefined && known.length === 0) {
        throw new OperationError(
          "not_possible",
          "The event has no deliveries: name the processor that is to get one.",
        );
      }
      const names = processor === undefined ? known : [processor];
      const count = await storage.redeliver(id, names);
      if (count > 0) host.workSoon(context, id);
      const open = deliveries
        .filter((each) => names.includes(each.processor) && each.endedAt === null)
        .map((each) => each.processor);
      return { id, count, processors: names.filter((name) => !open.includes(name)), open };
    },

    async redrive({ dry_run, limit, ...request }) {
      const filter = deadFilter(request);
      const total = await storage.countDead(filter);
      if (dry_run) return { count: total, dry_run, remaining: total };
      const most = Math.min(limit ?? total, total);
      const end = performance.now() + batchesWithinMs;
      let count = 0;
      while (count < most && performance.now() < end) {
        const some = await storage.redrive({
          ...filter,
          limit: Math.min(batchSize, most - count),
        });
        if (some === 0) break;
        count += some;
      }
      if (count > 0) host.workSoon(context);
      return { count, dry_run, remaining: total - count };
    },

    async stats() {
      const now = Date.now();
      const [stats, activity, health] = await Promise.all([
        storage.stats(),
        // In an async function: were it to throw, what was asked before would fail unheard.
        (async () => await storage.activity.list(now - dayMs))(),
        pingWithin(storage, pingWithinMs),
      ]);
      return statsJson(stats, activity, health ?? {}, now);
    },

    async listRejections(position) {
      const page = await at(position, (position) => storage.rejections.list(position));
      return { data: page.rejections.map(rejectionJson), next_cursor: page.nextCursor };
    },

    async reverify({ cursor }) {
      if (cursor !== undefined) {
        await at({ limit: 1, cursor }, (position) => storage.rejections.list(position));
      }
      const { nextCursor, ...counts } = await host.reverify({
        budgetMs: batchesWithinMs,
        ...(cursor !== undefined && { cursor }),
      });
      return { ...counts, complete: nextCursor === undefined, next_cursor: nextCursor ?? null };
    },

    async expect({ job_id, pattern_id, deadline_s }) {
      const state = await host.expect(job_id, {
        patternId: pattern_id ?? null,
        deadlineMs: deadline_s * 1_000,
      });
      return { job_id, state };
    },

    async listExpectations(position) {
      const page = await at(position, (position) => storage.expectations.list(position));
      const now = Date.now();
      return {
        data: page.expectations.map((each) => expectationJson(each, now)),
        next_cursor: page.nextCursor,
      };
    },

    async drain({ budget_ms }) {
      if (host.role === "receiver") {
        throw new OperationError(
          "not_possible",
          "This process only receives (ROLE): ask one that works.",
        );
      }
      return await host.drain({ budgetMs: budget_ms });
    },
  };
}

function unknownEvent(): OperationError {
  return new OperationError("unknown_event", "There is no event of this id.");
}

/** A part of a list; what a storage throws at a cursor that is none of its own is explained. */
async function at<Page>(
  { limit, cursor }: ListRequest,
  list: (position: { readonly limit: number; readonly cursor?: string }) => Promise<Page>,
): Promise<Page> {
  try {
    return await list({ limit, ...(cursor !== undefined && { cursor }) });
  } catch (error) {
    if (cursor === undefined || error instanceof StorageError) throw error;
    const message = "expected what a page before gave as next_cursor";
    throw new OperationError("invalid_request", `cursor: ${message}.`, [
      { path: "cursor", message },
    ]);
  }
}

function eventFilter(
  request: Omit<ListEventsRequest, keyof ListRequest>,
): EventFilter {
  const { state, event, job_id, pattern_id, delivery_state, received_after, received_before } =
    request;
  return {
    ...(state !== undefined && { state }),
    ...(event !== undefined && { event }),
    ...(job_id !== undefined && { jobId: job_id }),
    ...(pattern_id !== undefined && { patternId: pattern_id }),
    ...(delivery_state !== undefined && { deliveryState: delivery_state }),
    ...(received_after !== undefined && { receivedAfter: Date.parse(received_after) }),
    ...(received_before !== undefined && { receivedBefore: Date.parse(received_before) }),
  };
}

function deadFilter(
  request: Omit<RedriveRequest, "dry_run" | "limit">,
): DeadFilter {
  const { processor, error, event, pattern_id, dead_after, dead_before } = request;
  return {
    ...(processor !== undefined && { processor }),
    ...(error !== undefined && { error }),
    ...(event !== undefined && { event }),
    ...(pattern_id !== undefined && { patternId: pattern_id }),
    ...(dead_after !== undefined && { deadAfter: Date.parse(dead_after) }),
    ...(dead_before !== undefined && { deadBefore: Date.parse(dead_before) }),
  };
}
