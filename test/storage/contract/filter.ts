import fc from "fast-check";
import type { EventFilter, NewEvent, StoredEvent } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import type { Test, World } from "../contract.ts";
import { alike } from "./alike.ts";
import {
  acceptAll,
  acceptNew,
  claimedIds,
  claimOne,
  end,
  hour,
  listedIds,
  minute,
  pages,
} from "./calls.ts";

/** Which events a filter shows. */
export function filterTests(test: Test): void {
  test("list() with a filter shows what all of it means", async ({ storage }) => {
    await storeOfEachKind(storage);
    const { events } = await storage.list({ limit: 100 });
    const state = fc.constantFrom("accepted", "ignored", "quarantined", "superseded");
    const deliveryState = fc.constantFrom("pending", "running", "succeeded", "dead");
    const time = fc.constantFrom(-1, 0, 1, 2, 3, 4).map((hours) => receivedAt + hours * hour);
    const filters = fc.record<EventFilter>({
      state,
      event: fc.constantFrom("job.succeeded", "job.failed", "job.started", "job.unheard"),
      jobId: fc.constantFrom("job_1", "job_2", "job_unheard"),
      patternId: fc.constantFrom("pat_1", "pat_2", "pat_unheard"),
      deliveryState,
      receivedAfter: time,
      receivedBefore: time,
    }, { requiredKeys: [] });
    const limits = fc.constantFrom(1, 3, 100);
    await fc.assert(
      fc.asyncProperty(filters, limits, async (filter, limit) => {
        const shown = (await pages(storage, { ...filter, limit })).flat();
        expect(shown).toEqual(events.filter((event) => means(filter, event)));
      }),
      { numRuns: 200, interruptAfterTimeLimit: 5_000 },
    );
  });

  test("list() with each filter alone shows those that it means", async ({ storage }) => {
    await storeOfEachKind(storage);
    const { events } = await storage.list({ limit: 100 });
    const filters: readonly EventFilter[] = [
      { state: "accepted" },
      { state: "ignored" },
      { state: "quarantined" },
      { state: "superseded" },
      { event: "job.failed" },
      { jobId: "job_1" },
      { patternId: "pat_1" },
      { deliveryState: "pending" },
      { deliveryState: "running" },
      { deliveryState: "succeeded" },
      { deliveryState: "dead" },
      { receivedAfter: receivedAt + hour },
      { receivedBefore: receivedAt + hour },
    ];
    for (const filter of filters) {
      const meant = events.filter((event) => means(filter, event)).map(({ id }) => id);
      expect([meant.length > 0, meant.length < events.length]).toEqual([true, true]);
      for (const limit of [1, 2, 100]) {
        expect(await listedIds(storage, filter, limit)).toEqual(meant);
      }
    }
  });

  test("list() with a filter that means none is empty", async ({ storage }) => {
    const unheard = { jobId: "job_unheard" };
    expect(await storage.list({ ...unheard, limit: 10 })).toEqual({ events: [], nextCursor: null });
    for (let count = 0; count < 5; count++) await acceptNew(storage);
    for (const limit of [1, 5, 10]) expect(await listedIds(storage, unheard, limit)).toEqual([]);
    const upsideDown = { receivedAfter: receivedAt + 1, receivedBefore: receivedAt };
    expect(await listedIds(storage, upsideDown)).toEqual([]);
  });

  test("list() takes times of receipt to the millisecond, the first one in", async (world) => {
    const { storage } = world;
    const ids: string[] = [];
    for (const after of [0, 1, 2, 3]) {
      ids.unshift(await acceptNew(storage, { receivedAt: receivedAt + after }));
    }
    const between = (after: number, before: number) =>
      listedIds(storage, {
        receivedAfter: receivedAt + after,
        receivedBefore: receivedAt + before,
      });
    expect(await between(1, 3)).toEqual(ids.slice(1, 3));
    expect(await between(0, 4)).toEqual(ids);
    expect(await between(2, 2)).toEqual([]);
    expect(await listedIds(storage, { receivedAfter: receivedAt + 3 })).toEqual(ids.slice(0, 1));
    expect(await listedIds(storage, { receivedBefore: receivedAt + 1 })).toEqual(ids.slice(3));
    expect(await listedIds(storage, { receivedBefore: receivedAt })).toEqual([]);
  });

  test("list() tells texts apart that only look alike", async ({ storage }) => {
    for (const text of alike) {
      await storage.accept(
        await newEvent({ key: text, event: text, jobId: text, patternId: text, processors: [] }),
      );
    }
    for (const text of alike) {
      for (const filter of [{ event: text }, { jobId: text }, { patternId: text }]) {
        expect(await pages(storage, { ...filter, limit: 100 }))
          .toMatchObject([[{ event: text, jobId: text, patternId: text }]]);
      }
    }
  });

  test("list() shows an event with several deliveries in a state once", async ({ storage }) => {
    const processors = ["a", "b", "c", "d", "e"];
    const mixed = await acceptNew(storage, { processors });
    await end(storage, "a", "dead");
    await end(storage, "b", "dead");
    await end(storage, "c", "succeeded");
    const untouched = await acceptNew(storage, { processors });
    for (const limit of [1, 2, 10]) {
      const ids = (deliveryState: "pending" | "running" | "succeeded" | "dead") =>
        listedIds(storage, { deliveryState }, limit);
      expect(await ids("dead")).toEqual([mixed]);
      expect(await ids("succeeded")).toEqual([mixed]);
      expect(await ids("pending")).toEqual([untouched, mixed]);
      expect(await ids("running")).toEqual([]);
    }
  });

  test("list() follows a delivery through its states", async ({ storage, advance }) => {
    const id = await acceptNew(storage, { event: "job.failed", jobId: "job_1" });
    const expectIn = async (...states: readonly string[]) => {
      for (const deliveryState of ["pending", "running", "succeeded", "dead"] as const) {
        expect(await listedIds(storage, { deliveryState }))
          .toEqual(states.includes(deliveryState) ? [id] : []);
      }
    };
    await expectIn("pending");
    const claim = await claimOne(storage);
    await expectIn("running");
    await storage.settle(claim, { kind: "retry", afterMs: 0, error: "again" });
    await expectIn("pending");
    await claimOne(storage);
    await advance(2 * minute);
    await expectIn("running");
    await storage.settle(await claimOne(storage), { kind: "dead", error: "no" });
    await expectIn("dead");
    await storage.redeliver(id, ["a"]);
    await expectIn("pending");
    await end(storage, "a", "succeeded");
    await expectIn("succeeded");
    await storage.redeliver(id, ["b"]);
    await expectIn("succeeded", "pending");
    await acceptNew(storage, { jobId: "job_1", processors: [] });
    await expectIn("succeeded");
    expect(await listedIds(storage, { state: "superseded" })).toEqual([id]);
    await storage.prune({ receivedBefore: receivedAt + 1, limit: 10 });
    await expectIn();
  });

  test("list() pages with a filter neither skip nor repeat while events come", async (world) => {
    const { storage } = world;
    const accept = async (count: number) => {
      const patternId = count % 3 ? "pat_1" : "pat_2";
      const id = await acceptNew(storage, { patternId });
      return { id, patternId };
    };
    const stored = [];
    for (let count = 0; count < 20; count++) stored.unshift(await accept(count));
    const meant = stored.filter(({ patternId }) => patternId === "pat_1").map(({ id }) => id);
    for (const limit of [1, 4]) {
      const more = async () => {
        for (let count = 0; count < 3; count++) await accept(count);
      };
      const seen = (await pages(storage, { patternId: "pat_1", limit }, more)).flat()
        .map(({ id }) => id);
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.slice(-meant.length)).toEqual(meant);
      // Those that came behind the first call are shown to the next.
      meant.splice(0, meant.length, ...await listedIds(storage, { patternId: "pat_1" }));
    }
  });

  test("list() pages by a state neither skip nor repeat what keeps it", async ({ storage }) => {
    const kept: string[] = [];
    for (let count = 0; count < 20; count++) {
      const changes = count % 2 === 0;
      const id = await acceptNew(storage, { processors: [changes ? "b" : "a"] });
      if (!changes) kept.unshift(id);
    }
    const change = async () => {
      const [id] = await claimedIds(storage, { processors: ["b"], limit: 1 });
      if (id !== undefined) await storage.redeliver(id, ["c"]);
    };
    const seen = (await pages(storage, { deliveryState: "pending", limit: 3 }, change)).flat()
      .map(({ id }) => id);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((id) => kept.includes(id))).toEqual(kept);
  });

  test("list() finds the one that is meant behind 1,000 that are not", async ({ storage }) => {
    const sought = {
      state: "ignored",
      event: "job.started",
      jobId: "job_sought",
      patternId: "pat_sought",
      receivedAt: receivedAt - hour,
    } as const;
    const first = await acceptNew(storage, sought);
    const others: NewEvent[] = [];
    for (let count = 0; count < 1_000; count++) others.push(await newEvent());
    await acceptAll([storage], others);
    const filters: readonly EventFilter[] = [
      { state: sought.state },
      { event: sought.event },
      { jobId: sought.jobId },
      { patternId: sought.patternId },
      { receivedBefore: receivedAt },
    ];
    for (const filter of filters) expect(await listedIds(storage, filter, 10)).toEqual([first]);
    const dead = await claimOne(storage, { limit: 1 });
    await storage.settle(dead, { kind: "dead", error: "no" });
    expect(await listedIds(storage, { deliveryState: "dead" }, 10)).toEqual([dead.eventId]);
  });
}

/** What a filter means, worked out beside the storage. */
function means(filter: EventFilter, event: StoredEvent): boolean {
  const { receivedAfter, receivedBefore, deliveryState, ...fields } = filter;
  return Object.entries(fields).every(([name, value]) =>
    event[name as keyof typeof fields] === value
  ) &&
    !(receivedAfter !== undefined && event.receivedAt < receivedAfter) &&
    !(receivedBefore !== undefined && event.receivedAt >= receivedBefore) &&
    (deliveryState === undefined ||
      event.deliveries.some(({ state }) => state === deliveryState));
}

/** Stores events of every state, with deliveries of every state. */
async function storeOfEachKind(storage: World["storage"]): Promise<void> {
  let count = 0;
  const common = () => ({
    key: `key_${count}`,
    jobId: `job_${count % 3}`,
    patternId: ["pat_1", "pat_2", null][count % 3] ?? null,
    receivedAt: receivedAt + (count++ * 7 % 4) * hour,
  });
  for (let round = 0; round < 3; round++) {
    for (const kind of ["dead", "succeeded"] as const) {
      await acceptNew(storage, { ...common(), event: "job.failed", processors: ["ends"] });
      await end(storage, "ends", kind);
    }
    await acceptNew(storage, { ...common(), event: "job.failed", processors: ["runs"] });
    await claimOne(storage, { processors: ["runs"], leaseMs: hour });
    await acceptNew(storage, { ...common(), state: "ignored", event: "job.started" });
    await acceptNew(storage, { ...common(), state: "quarantined", event: null, jobId: null });
  }
  await acceptNew(storage, { ...common(), jobId: "job_1", processors: ["ends", "waits"] });
  await end(storage, "ends", "dead");
  await acceptNew(storage, { ...common(), jobId: "job_3", processors: ["ends", "waits"] });
  await end(storage, "ends", "succeeded");
}
