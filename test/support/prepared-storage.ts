import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { newEvent, type NewEventFields } from "./new-event.ts";

/** An event that is put into a storage, and what becomes of its deliveries. */
export interface Prepared extends NewEventFields {
  /** By processor. Others stay pending. */
  readonly outcomes?: Readonly<Record<string, "succeeded" | "dead">>;
  /** Of what is dead. */
  readonly error?: string;
}

/** What {@linkcode prepareStorage} puts in beside events. */
export interface PreparedRest {
  readonly rejections?: number;
  /** Jobs whose end is overdue. */
  readonly overdue?: readonly string[];
}

/** Fills a SQLite file, for commands to work on. */
export async function prepareStorage(
  file: string,
  events: readonly Prepared[],
  { rejections = 0, overdue = [] }: PreparedRest = {},
): Promise<void> {
  const storage = sqliteStorage(file);
  await storage.ping();
  for (const { outcomes = {}, error = "Error: it broke", ...fields } of events) {
    const event = await newEvent(fields);
    await storage.accept(event);
    const request = { processors: Object.keys(outcomes), limit: 100, leaseMs: 60_000 };
    const { claims } = await storage.claim({ ...request, maxAttempts: 3 });
    for (const claim of claims) {
      const kind = outcomes[claim.processor];
      await storage.settle(claim, kind === "dead" ? { kind, error } : { kind: "succeeded" });
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
  await storage.close();
}
