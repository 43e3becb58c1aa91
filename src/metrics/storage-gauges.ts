import { within } from "../deadline.ts";
import { pingWithin } from "../storage/ping-within.ts";
import type { Storage, StorageHealth, StorageStats } from "../storage/storage.ts";
import type { GaugeName } from "./catalogue.ts";

/** What is known of a storage, by the names of its metrics. */
export type StorageGauges = Readonly<Partial<Record<GaugeName, number>>>;

// Every answer comes within 5 s; what this process has counted is in it.
const readWithinMs = 4_500;

/**
 * Asks a storage how it is. It never rejects: what a storage does not tell in time is left out.
 *
 * @param withinMs How long it may take.
 */
export async function readStorageGauges(
  storage: Storage,
  withinMs: number = readWithinMs,
): Promise<StorageGauges> {
  const late = () => new Error("late");
  // In an async function, so that a storage which throws instead of rejecting is no special case.
  const counting = (async () => await storage.stats())();
  const [stats, health] = await Promise.allSettled([
    within(counting, withinMs, late),
    pingWithin(storage, withinMs),
  ]);
  const told = stats.status === "fulfilled" && health.status === "fulfilled";
  return {
    imggo_webhooks_storage_up: told ? 1 : 0,
    ...(stats.status === "fulfilled" && statsGauges(stats.value, Date.now())),
    ...(health.status === "fulfilled" && spoolGauges(health.value ?? {})),
  };
}

function statsGauges(
  { events, deliveries, oldestDueAt, lastReceivedAt, expectations, rejections }: StorageStats,
  now: number,
): StorageGauges {
  // The storage's clock may be ahead of this one.
  const age = (time: number) => Math.max(0, now - time) / 1_000;
  return {
    imggo_webhooks_backlog: deliveries.pending + deliveries.running,
    imggo_webhooks_oldest_pending_seconds: oldestDueAt === null ? 0 : age(oldestDueAt),
    ...(lastReceivedAt !== null &&
      { imggo_webhooks_last_event_age_seconds: age(lastReceivedAt) }),
    imggo_webhooks_dead: deliveries.dead,
    imggo_webhooks_quarantined: events.quarantined,
    imggo_webhooks_overdue: expectations.overdue,
    imggo_webhooks_rejections: rejections,
  };
}

function spoolGauges({ spooling = false, spooled }: StorageHealth): StorageGauges {
  // Of a spool that holds something, but does not say how much, nothing is better than a 0.
  if (spooling && spooled === undefined) return {};
  return { imggo_webhooks_spooled: spooled ?? 0 };
}
