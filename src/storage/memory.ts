// The contract is asynchronous and a Map is not; `async` makes a failure a rejection.
// deno-lint-ignore-file require-await
import { interleave } from "./interleave.ts";
import { createActivity } from "./memory/activity.ts";
import { beginAttempt, endAttempt } from "./memory/attempts.ts";
import { groupDead } from "./memory/dead-groups.ts";
import {
  claimOf,
  describeEvent,
  isDeadMeant,
  isEventMeant,
  type MemoryDelivery,
  type MemoryEvent,
} from "./memory/event.ts";
import { createExpectations } from "./memory/expectations.ts";
import { createRejections } from "./memory/rejections.ts";
import { countEvents } from "./memory/stats.ts";
import {
  type Acceptance,
  type Attempt,
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  type DeadFilter,
  type EventFilter,
  type EventPage,
  keyRetentionMs,
  lastAttemptLost,
  type Lease,
  type LeaseRequest,
  type NewEvent,
  type Outcome,
  type Storage,
  type StorageStats,
} from "./storage.ts";

interface Key {
  readonly eventId: string;
  duplicates: number;
  expiresAt: number;
}

/** What {@linkcode memoryStorage} takes. */
export interface MemoryStorageOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Keeps everything in this process's memory, and **loses everything when the process ends**: for
 * tests and for trying things out, never for results that matter. It is also the reference for
 * what every storage does.
 */
export function memoryStorage({ now = Date.now }: MemoryStorageOptions = {}): Storage {
  const events = new Map<string, MemoryEvent>();
  const eventsOfJob = new Map<string, MemoryEvent[]>();
  const keys = new Map<string, Key>();
  const open = new Set<MemoryDelivery>();
  let sequence = 0;
  let turn = 0;

  const isEnded = (jobId: string) =>
    (eventsOfJob.get(jobId) ?? []).some(({ state }) =>
      state === "accepted" || state === "superseded"
    );
  const { expectations, fulfil, count: countExpectations } = createExpectations(now, isEnded);
  const { rejections, count: countRejections } = createRejections(now);

  const ofJob = (event: NewEvent, name: string) =>
    (eventsOfJob.get(event.jobId ?? "") ?? []).filter((each) =>
      each.event.event === name && each.event.state === "accepted"
    );

  const held = ({ eventId, processor, fence }: Lease) =>
    events.get(eventId)?.deliveries.find((delivery) =>
      delivery.processor === processor && delivery.fence === fence && delivery.state === "running"
    );

  const withdraw = (stored: MemoryEvent) => {
    const kept = ({ state }: MemoryDelivery) => state === "running" || state === "succeeded";
    for (const delivery of stored.deliveries) if (!kept(delivery)) open.delete(delivery);
    stored.deliveries = stored.deliveries.filter(kept);
  };

  const supersede = (stored: MemoryEvent) => {
    stored.state = "superseded";
    withdraw(stored);
  };

  const addDelivery = (stored: MemoryEvent, processor: string) => {
    const delivery: MemoryDelivery = {
      stored,
      processor,
      state: "pending",
      attempts: 0,
      fence: 0,
      dueAt: now(),
      endedAt: null,
      lastError: null,
      attemptsMade: [],
    };
    stored.deliveries.push(delivery);
    open.add(delivery);
  };

  const begin = (delivery: MemoryDelivery, leaseMs: number): void => {
    delivery.state = "running";
    delivery.dueAt = Math.ceil(now() + leaseMs);
    delivery.fence++;
    delivery.attempts++;
    beginAttempt(delivery, now());
  };

  const claimNew = (stored: MemoryEvent, { processors, leaseMs }: LeaseRequest): Claim[] => {
    const wanted = stored.deliveries.filter(({ processor }) => processors.includes(processor));
    for (const delivery of wanted) begin(delivery, leaseMs);
    return wanted.map(claimOf);
  };

  const accept = (event: NewEvent, lease?: LeaseRequest): Acceptance => {
    if (event.state === "accepted" && event.jobId !== null) fulfil(event.jobId);
    const known = keys.get(event.key);
    if (known !== undefined) {
      const duplicate = known.eventId !== event.id;
      if (duplicate) known.duplicates++;
      const first = events.get(known.eventId);
      return {
        id: known.eventId,
        duplicate,
        state: first?.state ?? event.state,
        identical: first === undefined || equal(first.body, event.body),
      };
    }
    const stored: MemoryEvent = {
      event: { ...event },
      body: event.body.slice(),
      sequence: ++sequence,
      state: event.state,
      deliveries: [],
    };
    for (const processor of event.processors) addDelivery(stored, processor);
    if (event.state === "accepted" && event.jobId !== null) {
      if (event.event === "job.failed" && ofJob(event, "job.succeeded").length > 0) {
        supersede(stored);
      }
      if (event.event === "job.succeeded") ofJob(event, "job.failed").forEach(supersede);
      eventsOfJob.set(event.jobId, [...eventsOfJob.get(event.jobId) ?? [], stored]);
    }
    events.set(event.id, stored);
    keys.set(event.key, { eventId: event.id, duplicates: 0, expiresAt: Infinity });
    return {
      id: event.id,
      duplicate: false,
      state: stored.state,
      identical: true,
      ...(lease && { claims: claimNew(stored, lease) }),
    };
  };

  const end = (delivery: MemoryDelivery, state: "succeeded" | "dead", error: string | null) => {
    delivery.state = state;
    delivery.endedAt = now();
    delivery.lastError = error;
    open.delete(delivery);
  };

  const restart = (delivery: MemoryDelivery) => {
    Object.assign(delivery, { state: "pending", attempts: 0, dueAt: now(), endedAt: null });
    open.add(delivery);
  };

  const claim = ({ processors, limit, leaseMs, maxAttempts }: ClaimRequest): ClaimResult => {
    const time = now();
    const claims: Claim[] = [];
    const exhausted: Lease[] = [];
    const due = [...open].filter(({ dueAt }) => dueAt <= time).sort((a, b) =>
      a.dueAt - b.dueAt || a.stored.sequence - b.stored.sequence
    );
    const queues = processors.map((name) => due.filter(({ processor }) => processor === name));
    for (const delivery of interleave(queues, turn++)) {
      if (claims.length === limit) break;
      const { processor, stored } = delivery;
      const { id: eventId } = stored.event;
      if (stored.state === "superseded") {
        delivery.state = "pending";
        withdraw(stored);
      } else if (delivery.attempts >= maxAttempts) {
        end(delivery, "dead", lastAttemptLost);
        endAttempt(delivery, "lost", null);
        exhausted.push({ eventId, processor, fence: delivery.fence });
      } else {
        begin(delivery, leaseMs);
        claims.push(claimOf(delivery));
      }
    }
    return { claims, exhausted };
  };

  const settle = (lease: Lease, outcome: Outcome): boolean => {
    const delivery = held(lease);
    if (delivery === undefined) return false;
    endAttempt(delivery, outcome.kind, now(), "error" in outcome ? outcome.error : null);
    if (outcome.kind === "succeeded") {
      end(delivery, "succeeded", delivery.lastError);
    } else if (outcome.kind === "dead") {
      end(delivery, "dead", outcome.error);
    } else {
      delivery.state = "pending";
      delivery.dueAt = Math.ceil(now() + (outcome.kind === "retry" ? outcome.afterMs : 0));
      if (outcome.kind === "retry") delivery.lastError = outcome.error;
      else delivery.attempts--;
    }
    if (delivery.stored.state === "superseded") withdraw(delivery.stored);
    return true;
  };

  const duplicatesOf = ({ event }: MemoryEvent) => keys.get(event.key)?.duplicates ?? 0;
  const describe = (stored: MemoryEvent) => describeEvent(stored, duplicatesOf(stored));

  const list = (filter: EventFilter, limit: number, cursor: string | undefined): EventPage => {
    const before = cursor === undefined ? Infinity : Number(cursor);
    const rest = [...events.values()].reverse()
      .filter((each) => each.sequence < before && isEventMeant(each, filter));
    const page = rest.slice(0, limit);
    const last = rest.length > limit ? page.at(-1) : undefined;
    return { events: page.map(describe), nextCursor: last ? String(last.sequence) : null };
  };

  const redeliver = (eventId: string, processors: readonly string[]): number => {
    const stored = events.get(eventId);
    if (stored?.state !== "accepted") return 0;
    let count = 0;
    for (const processor of new Set(processors)) {
      const delivery = stored.deliveries.find((each) => each.processor === processor);
      if (delivery === undefined) addDelivery(stored, processor);
      else if (delivery.endedAt !== null) restart(delivery);
      else continue;
      count++;
    }
    return count;
  };

  const dead = (filter: DeadFilter) =>
    [...events.values()].flatMap(({ deliveries }) => deliveries)
      .filter((delivery) => isDeadMeant(delivery, filter));

  const redrive = (filter: DeadFilter, limit: number): number => {
    const chosen = dead(filter).slice(0, limit);
    chosen.forEach(restart);
    return chosen.length;
  };

  const attempts = (eventId: string): Attempt[] =>
    (events.get(eventId)?.deliveries ?? [])
      .toSorted((one, other) => (one.processor < other.processor ? -1 : 1))
      .flatMap(({ attemptsMade }) => attemptsMade.map((each) => ({ ...each })));

  const stats = (): StorageStats => {
    const due = [...open].map(({ dueAt }) => dueAt).filter((dueAt) => dueAt <= now());
    return {
      ...countEvents(events.values(), duplicatesOf),
      oldestDueAt: due.length > 0 ? Math.min(...due) : null,
      expectations: countExpectations(),
      rejections: countRejections(),
    };
  };

  const prune = (receivedBefore: number, limit: number): number => {
    for (const [key, { expiresAt }] of keys) if (expiresAt <= now()) keys.delete(key);
    const done = [...events.values()].filter(({ event, state, deliveries }) =>
      event.receivedAt < receivedBefore && state !== "quarantined" &&
      deliveries.every((delivery) => delivery.state === "succeeded")
    ).slice(0, limit);
    for (const { event } of done) {
      events.delete(event.id);
      const ofSameJob = eventsOfJob.get(event.jobId ?? "")?.filter((each) => each.event !== event);
      if (ofSameJob?.length) eventsOfJob.set(event.jobId ?? "", ofSameJob);
      else eventsOfJob.delete(event.jobId ?? "");
      const key = keys.get(event.key);
      if (key) key.expiresAt = now() + keyRetentionMs;
    }
    return done.length;
  };

  return {
    accept: async (event, _signal, lease) => accept(event, lease),
    claim: async (request) => claim(request),
    async renew(lease, leaseMs) {
      const delivery = held(lease);
      if (delivery) delivery.dueAt = Math.ceil(now() + leaseMs);
      return delivery !== undefined;
    },
    settle: async (lease, outcome) => settle(lease, outcome),
    async get(id) {
      const stored = events.get(id);
      return stored && describe(stored);
    },
    attempts: async (eventId) => attempts(eventId),
    body: async (id) => events.get(id)?.body.slice(),
    list: async ({ limit, cursor, ...filter }) => list(filter, limit, cursor),
    redeliver: async (eventId, processors) => redeliver(eventId, processors),
    redrive: async ({ limit, ...filter }) => redrive(filter, limit),
    countDead: async (filter) => dead(filter).length,
    deadGroups: async ({ limit }) => groupDead(dead({}), limit),
    stats: async () => stats(),
    activity: createActivity(now),
    expectations,
    rejections,
    prune: async ({ receivedBefore, limit }) => prune(receivedBefore, limit),
    async ping() {},
    async close() {},
  };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
