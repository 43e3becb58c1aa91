import type { Claim, Delivery, NewEvent, StoredEvent } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { bytes, claimedIds, claimOne, expectBytes, hour, pages, request } from "./calls.ts";

/** What is seen of the events. */
export function readTests(test: Test): void {
  test("get() and body() know no event of another id", async ({ storage }) => {
    const event = await newEvent();
    await storage.accept(event);
    for (const id of ["", "evt_unknown", event.key, event.id.toUpperCase(), `${event.id} `]) {
      expect(await storage.get(id)).toBeUndefined();
      expect(await storage.body(id)).toBeUndefined();
    }
  });

  test("ping() and close() work before anything else was called", async ({ storage }) => {
    await storage.ping();
  });

  test("get(), body(), list() and claim() return what is the caller's own", async ({ storage }) => {
    const event = await newEvent({ body: bytes(1, 2, 3), processors: ["a", "b", "c"] });
    await storage.accept(event);
    const spoil = async () => {
      (await storage.body(event.id))?.fill(0);
      const { events } = await storage.list({ limit: 1 });
      for (const stored of [await storage.get(event.id), ...events]) {
        const delivery = stored?.deliveries[0];
        if (stored === undefined || delivery === undefined) throw new Error("nothing was stored");
        Object.assign(delivery, { state: "dead", attempts: 99, dueAt: 0, endedAt: 0 });
        (stored.deliveries as Delivery[]).length = 0;
        Object.assign(stored, { id: "evt_other", key: "other", state: "ignored", duplicates: 99 });
      }
      (events as StoredEvent[]).length = 0;
    };
    const pristine = await storage.get(event.id);
    await spoil();
    expect(await storage.get(event.id)).toEqual(pristine);
    expect((await storage.list({ limit: 1 })).events).toEqual([pristine]);
    expectBytes(await storage.body(event.id), bytes(1, 2, 3));

    const { claims } = await storage.claim(request({ processors: ["a", "b"] }));
    const running = await storage.get(event.id);
    claims[0]?.body.fill(0);
    expectBytes(claims[1]?.body, bytes(1, 2, 3));
    const leases = claims.map(({ eventId, processor, fence }) => ({ eventId, processor, fence }));
    for (const claim of claims) {
      Object.assign(claim, { eventId: "evt_other", fence: 99, attempt: 99 });
    }
    (claims as Claim[]).length = 0;
    expect(await storage.get(event.id)).toEqual(running);
    expectBytes((await claimOne(storage, { processors: ["c"] })).body, bytes(1, 2, 3));
    for (const lease of leases) {
      expect(await storage.settle(lease, { kind: "succeeded" })).toBe(true);
    }
  });

  test("list() of nothing is empty", async ({ storage }) => {
    expect(await storage.list({ limit: 10 })).toEqual({ events: [], nextCursor: null });
  });

  test("list() shows the last stored first, as get() shows them", async ({ storage }) => {
    const events = [
      // Not the time of receipt decides: several processes may share a storage.
      await newEvent({ receivedAt: receivedAt + hour }),
      await newEvent({ state: "ignored", event: "job.started", receivedAt: receivedAt - hour }),
      await newEvent({ receivedAt, processors: ["b", "a"] }),
    ];
    for (const event of events) await storage.accept(event);
    await storage.accept({ ...events[0] as NewEvent, id: "evt_repeat" });
    const shown = await Promise.all(events.map(({ id }) => storage.get(id)));
    expect(await storage.list({ limit: 10 })).toEqual(
      { events: shown.reverse(), nextCursor: null },
    );
  });

  test("list() pages end where the events do", async ({ storage }) => {
    for (let count = 0; count < 6; count++) await storage.accept(await newEvent());
    for (const limit of [1, 2, 3, 4, 5, 6, 7]) {
      const sizes = (await pages(storage, { limit })).map(({ length }) => length);
      const full = Array.from({ length: Math.floor(6 / limit) }, () => limit);
      expect(sizes).toEqual(6 % limit ? [...full, 6 % limit] : full);
    }
  });

  test("list() pages neither skip nor repeat while events come", async ({ storage }) => {
    const stored: string[] = [];
    const accept = async () => {
      const event = await newEvent();
      await storage.accept(event);
      return event.id;
    };
    for (let count = 0; count < 13; count++) stored.push(await accept());
    // A repeat is no new event, and a run is none either.
    const change = async () => {
      for (let count = 0; count < 4; count++) await accept();
      await claimedIds(storage, { limit: 2 });
    };
    const seen = (await pages(storage, { limit: 4 }, change)).flat().map(({ id }) => id);
    expect(seen).toEqual(stored.reverse());
  });

  test("list() pages neither skip nor repeat while events are pruned", async ({ storage }) => {
    const ids: string[] = [];
    for (let count = 0; count < 12; count++) {
      const prunable = count % 3 === 0;
      const event = await newEvent({ processors: prunable ? [] : ["a"] });
      await storage.accept(event);
      if (!prunable) ids.push(event.id);
    }
    const seen = (await pages(
      storage,
      { limit: 3 },
      () => storage.prune({ receivedBefore: receivedAt + 1, limit: 2 }),
    )).flat().map(({ id }) => id);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => ids.includes(id))).toEqual(ids.reverse());
  });
}
