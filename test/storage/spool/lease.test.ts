import type { LeaseRequest } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test, vi } from "vitest";
import { createGate } from "../../support/gate.ts";
import { newEvent } from "../../support/new-event.ts";
import { setUp } from "../../support/spool-under-test.ts";

const lease: LeaseRequest = { processors: ["a"], leaseMs: 60_000 };

test("accept() with a lease claims nothing of what is spooled", async () => {
  const { storage, broken, allMoved } = await setUp();
  broken.is("rejects");
  const event = await newEvent();
  expect((await storage.accept(event, undefined, lease)).claims ?? []).toEqual([]);
  broken.is("works");
  await allMoved();
  expect((await storage.get(event.id))?.deliveries).toMatchObject([{ state: "pending" }]);
});

test("accept() with a lease gives back what the storage claims after the spool has answered", async () => {
  const memory = memoryStorage();
  const { open, opened } = createGate();
  const { storage, allMoved } = await setUp({
    primary: {
      ...memory,
      async accept(...of) {
        if (of[2] !== undefined) await opened;
        return await memory.accept(...of);
      },
    },
    primaryWithinMs: 20,
  });
  const event = await newEvent();
  expect((await storage.accept(event, undefined, lease)).claims ?? []).toEqual([]);
  open();
  await allMoved();
  await vi.waitUntil(async () => (await storage.stats()).deliveries.pending === 1);
  expect((await storage.get(event.id))?.deliveries).toMatchObject([{ state: "pending" }]);
  expect((await storage.get(event.id))?.deliveries).toMatchObject([{ attempts: 0 }]);
});
