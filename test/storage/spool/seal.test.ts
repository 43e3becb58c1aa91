import fc from "fast-check";
import type { NewEvent } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import { isSealed, open, seal } from "../../../src/storage/spool/seal.ts";
import { newEvent, verifiedBytes } from "../../support/new-event.ts";

const text = fc.string({ unit: "binary" });
const anyEvent: fc.Arbitrary<Omit<NewEvent, "body"> & { body: Uint8Array }> = fc.record({
  id: fc.uuid().map((uuid) => `evt_${uuid}`),
  key: text,
  state: fc.constantFrom("accepted", "ignored", "quarantined"),
  origin: fc.constantFrom("webhook", "reconcile"),
  event: fc.option(text),
  jobId: fc.option(text),
  patternId: fc.option(text),
  receivedAt: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  body: fc.uint8Array(),
  processors: fc.uniqueArray(text),
  traceParent: fc.option(text),
});

test("open() gives the event that seal() was given, by way of a storage", async () => {
  await fc.assert(
    fc.asyncProperty(anyEvent, fc.option(fc.uuid(), { nil: undefined }), async (event, first) => {
      const storage = memoryStorage();
      const whole = { ...event, body: await verifiedBytes(new Uint8Array(event.body)) };
      await storage.accept(seal(whole, first));
      const { claims: [claim] } = await storage.claim(
        { processors: ["spool"], limit: 1, leaseMs: 1_000, maxAttempts: 1 },
      );
      const stored = await storage.get(event.id);
      expect(isSealed(stored!)).toBe(true);
      expect(open(stored!, claim!.body)).toEqual({ event: whole, repeatOf: first });
    }),
  );
});

test("seal() gives a repeat a key of its own, and only that", async () => {
  const event = await newEvent();
  expect(seal(event).key).toBe(event.key);
  expect(seal(event, "evt_first").key).not.toBe(event.key);
});

test("isSealed() tells what was not sealed, and open() does not open it", async () => {
  const patterns = [null, "", "pat_1", "{}", "5", "null", '{"form":"1"}'];
  for (const patternId of patterns) {
    const storage = memoryStorage();
    const { id, body } = await newEvent({ patternId, processors: ["spool"] });
    await storage.accept({ ...await newEvent({ id, patternId }), processors: ["spool"] });
    const stored = await storage.get(id);
    expect(isSealed(stored!)).toBe(false);
    expect(open(stored!, body)).toBeUndefined();
  }
});
