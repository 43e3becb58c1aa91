import type { ActivityCounts } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { newEvent, type NewEventFields } from "./new-event.ts";

/** An event that is put into a storage, and what becomes of its deliveries. */
export interface Prepared extends NewEventFields {
  /** By processor. Others stay pending. */
  readonly outcomes?: Readonly<Record<string, "succeeded" | "dead">>;
  /** How many attempts at those outcomes fail before. Default none. */
  readonly failures?: number;
  /** Of what is dead. */
  readonly error?: string;
}

/** What {@linkcode prepareStorage} puts in beside events. */
export interface PreparedRest {
  readonly rejections?: number;
  /** Jobs whose end is overdue. */
  readonly overdue?: readonly string[];
  /** What happened in this minute. */
  readonly activity?: Partial<ActivityCounts>;
}

/** Fills a SQLite file, for commands to work on. */
export async function prepareStorage(
  file: string,
  events: readonly Prepared[],
  { rejections = 0, overdue = [], activity = {} }: PreparedRest = {},
): Promise<void> {
  const storage = sqliteStorage(file);
  await storage.ping();
  for (const { outcomes = {}, failures = 0, error = "Error: it broke", ...fields } of events) {
    const event = await newEvent(fields);
    await storage.accept(event);
    const request = { processors: Object.keys(outcomes), limit: 100, leaseMs: 60_000 };
    for (let attempt = 1; attempt <= failures + 1; attempt++) {
      const { claims } = await storage.claim({ ...request, maxAttempts: failures + 1 });
      for (const claim of claims) {
        const dead = outcomes[claim.processor] === "dead";
        if (attempt <= failures) await storage.settle(claim, { kind: "retry", afterMs: 0, error });
        else await storage.settle(claim, dead ? { kind: "dead", error } : { kind: "succeeded" });
      }
    }
  }
  for (let number = 1; number <= rejections; number++) {
    await storage.rejections.add(
      {
        id: `rej_${number}`,
        receivedAt: Date.now(),
        signature: "0f".repeat(32),
        body: new TextEncoder().encode("{}"),
      },
      { maxCount: 1_000, maxBytes: 1_000_000, maxAgeMs: 3_600_000 },
    );
  }
  for (const jobId of overdue) {
    await storage.expectations.add({ jobId, patternId: null, withinMs: 0 });
  }
  await storage.activity.add(activity);
  await storage.close();
}
