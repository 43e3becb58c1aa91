import type { ParsedEvent } from "../event.ts";
import { type ActivityMinute, activityNames, noCounts } from "../storage/activity.ts";
import type { Expectation } from "../storage/expectations.ts";
import type { Rejection } from "../storage/rejections.ts";
import type {
  Attempt,
  Delivery,
  StorageHealth,
  StorageStats,
  StoredEvent,
} from "../storage/storage.ts";
import type {
  AttemptJson,
  EventDetailJson,
  EventJson,
  ExpectationJson,
  RatesJson,
  RejectionJson,
  StatsJson,
} from "./answers.ts";

const hourMs = 3_600_000;

/** An event with its deliveries. */
export function eventJson(stored: StoredEvent): EventJson {
  return {
    id: stored.id,
    event: stored.event,
    state: stored.state,
    origin: stored.origin,
    job_id: stored.jobId,
    pattern_id: stored.patternId,
    received_at: iso(stored.receivedAt),
    size: stored.size,
    duplicates: stored.duplicates,
    key: stored.key,
    deliveries: stored.deliveries.map(deliveryJson),
  };
}

/** An event with its attempts and what its body means. */
export function eventDetailJson(
  stored: StoredEvent,
  attempts: readonly Attempt[],
  parsed: ParsedEvent,
): EventDetailJson {
  return {
    ...eventJson(stored),
    // `traceparent` is version, trace, span and flags, with dashes between.
    trace_id: stored.traceParent?.split("-")[1] ?? null,
    deliveries: stored.deliveries.map((delivery) => ({
      ...deliveryJson(delivery),
      history: attempts.filter(({ processor }) => processor === delivery.processor)
        .map(attemptJson),
    })),
    canonical: parsed.state === "accepted" ? { ...parsed.event } : null,
    ...(parsed.state === "quarantined" && { code: parsed.code, issues: [...parsed.issues] }),
  };
}

function deliveryJson(
  { processor, state, attempts, dueAt, endedAt, lastError }: Delivery,
): EventJson["deliveries"][number] {
  return {
    processor,
    state,
    attempts,
    due_at: isoOrNull(dueAt),
    ended_at: isoOrNull(endedAt),
    last_error: lastError,
  };
}

function attemptJson({ attempt, state, startedAt, endedAt, error }: Attempt): AttemptJson {
  return { attempt, state, started_at: iso(startedAt), ended_at: isoOrNull(endedAt), error };
}

/** What there is, counted, and how often things happened lately. */
export function statsJson(
  stats: StorageStats,
  activity: readonly ActivityMinute[],
  health: StorageHealth,
  now: number,
): StatsJson {
  const { deliveries, oldestDueAt, lastReceivedAt, expectations } = stats;
  return {
    events: { ...stats.events },
    deliveries: { ...deliveries },
    duplicates: stats.duplicates,
    backlog: deliveries.pending + deliveries.running,
    oldest_due_at: isoOrNull(oldestDueAt),
    oldest_pending_seconds: ageSeconds(oldestDueAt, now),
    last_received_at: isoOrNull(lastReceivedAt),
    last_event_age_seconds: ageSeconds(lastReceivedAt, now),
    rates: {
      last_hour: sum(activity, now - hourMs),
      last_day: sum(activity, now - 24 * hourMs),
    },
    expectations: { ...expectations },
    overdue: expectations.overdue,
    rejections: stats.rejections,
    spooled: health.spooled ?? 0,
  };
}

/** A refused request, without its body. */
export function rejectionJson({ id, receivedAt, signature, size }: Rejection): RejectionJson {
  return { id, received_at: iso(receivedAt), size, signature };
}

/** A job whose end is awaited. */
export function expectationJson(
  { jobId, patternId, deadlineAt, asked, askAt, lastError }: Expectation,
  now: number,
): ExpectationJson {
  return {
    job_id: jobId,
    pattern_id: patternId,
    deadline_at: iso(deadlineAt),
    overdue: deadlineAt <= now,
    asked,
    ask_at: isoOrNull(askAt),
    last_error: lastError,
  };
}

function sum(activity: readonly ActivityMinute[], since: number): RatesJson {
  const rates = noCounts();
  for (const minute of activity) {
    if (minute.startsAt < since) continue;
    for (const name of activityNames) rates[name] += minute[name];
  }
  return rates;
}

// A clock that is behind the storage's makes nothing younger than new.
function ageSeconds(time: number | null, now: number): number | null {
  return time === null ? null : Math.max(0, (now - time) / 1_000);
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : iso(time);
}
