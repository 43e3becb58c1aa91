/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import type { EventFilter, Storage } from "imggo-webhooks";
import { type DenoKv, denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { describe, expect, onTestFinished, test } from "vitest";
import { faultyKv } from "../../support/faulty-kv.ts";
import { leftKeys } from "../../support/left-keys.ts";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import { testClock } from "../contract.ts";
import {
  acceptNew,
  claimOne,
  day,
  end,
  hour,
  listedIds,
  minute,
  pages,
  request,
} from "../contract/calls.ts";

async function open() {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const clock = testClock();
  return { kv, storage: denoKvStorage(kv, clock), ...clock };
}

/** Writes many entries, below the prefix that all keys have. */
async function write(kv: Deno.Kv, entries: readonly (readonly [Deno.KvKey, unknown])[]) {
  for (let from = 0; from < entries.length; from += 400) {
    const atomic = kv.atomic();
    for (const [key, value] of entries.slice(from, from + 400)) {
      atomic.set(["imggo_webhooks", ...key], value);
    }
    await atomic.commit();
  }
}

/** A number as the place of an event, before or behind all that commits make up. */
const place = (start: "0" | "f", number: number) => `${start}${`${number}`.padStart(19, "0")}`;
const many = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Puts so many events into the order, behind all that are there; none of them is stored. */
async function writeOrders(
  kv: Deno.Kv,
  count: number,
  kind: { readonly state: string; readonly event: string },
): Promise<void> {
  const order = { id: "evt_none", receivedAt, kind: { ...kind, patternId: null } };
  await write(kv, many(count).map((index) => [["order", place("f", index)], order] as const));
}

async function dieOf(storage: Storage, error: string): Promise<void> {
  await acceptNew(storage);
  await storage.settle(await claimOne(storage), { kind: "dead", error });
}

describe("denoKvStorage() where there is much of something", () => {
  test("redeliver() and prune() have room for 20 attempts of each of 200 processors", async () => {
    const { storage, kv, now, advance } = await open();
    const processors = many(200).map((index) => `${index}`.padStart(100, "0"));
    const id = await acceptNew(storage, { processors });
    for (const claim of (await storage.claim(request({ processors, limit: 200 }))).claims) {
      await storage.settle(claim, { kind: "succeeded" });
    }
    const delivery = {
      ...{ state: "succeeded", attempts: 30, fence: 30, dueAt: 0, endedAt: now() },
      ...{ lastError: null, startedAt: now() },
    };
    const attempt = { state: "retry", startedAt: now(), endedAt: now(), error: "例".repeat(200) };
    await write(
      kv,
      processors.flatMap((processor) => [
        [["event", id, "delivery", processor], delivery] as const,
        ...many(20).map((index) =>
          [
            ["attempt", id, processor, index + 10],
            { ...attempt, attempt: index + 10 },
          ] as const
        ),
      ]),
    );
    const told = await storage.attempts(id);
    expect(told).toHaveLength(200 * 20);
    expect(told.slice(0, 20).map((each) => each.attempt)).toEqual(
      many(20).map((each) => each + 11),
    );

    expect(await storage.redeliver(id, processors)).toBe(200);
    expect(await storage.attempts(id)).toEqual(told);
    for (const claim of (await storage.claim(request({ processors, limit: 200 }))).claims) {
      await storage.settle(claim, { kind: "succeeded" });
    }
    expect(await storage.prune({ receivedBefore: receivedAt + 1, limit: 1 })).toBe(1);
    advance(31 * day);
    await storage.prune({ receivedBefore: 0, limit: 1 });
    expect(await leftKeys(kv)).toEqual([]);
  });

  test("redeliver() has room for the longest errors of 30 processors", async () => {
    const { storage } = await open();
    const processors = many(30).map((index) => `p${index}`);
    const id = await acceptNew(storage, { processors });
    for (const claim of (await storage.claim(request({ processors }))).claims) {
      await storage.settle(claim, { kind: "dead", error: "例".repeat(30_000) });
    }
    expect(await storage.redeliver(id, processors)).toBe(30);
    expect((await storage.stats()).deliveries).toMatchObject({ pending: 30, dead: 0 });
  });

  test("deadGroups() and countDead() tell errors apart that are too long for an index", async () => {
    const { storage } = await open();
    const long = "e".repeat(5_000);
    for (const error of [`${long}1`, `${long}2`, `${long}1`, "short"]) await dieOf(storage, error);
    expect((await storage.deadGroups({ limit: 1 })).map(({ error, count }) => [error, count]))
      .toEqual([[`${long}1`, 2]]);
    expect(await storage.countDead({ error: `${long}2` })).toBe(1);
    expect(await storage.redrive({ error: `${long}1`, limit: 10 })).toBe(2);
    expect(await storage.countDead({})).toBe(2);
  });

  test("deadGroups() looks at the 10,000 that died last, whenever their events came", async () => {
    const { storage, kv, now } = await open();
    await dieOf(storage, "last");
    const [{ id = "" } = {}] = (await storage.list({ limit: 1 })).events;
    const dead = (endedAt: number) => ({ id, receivedAt, endedAt, error: "many" });
    await write(kv, [
      ...many(5_000).map((index) =>
        [["dead", place("0", index), "a"], dead(now() - hour - index)] as const
      ),
      ...many(5_000).map((index) =>
        [["dead", place("f", index), "a"], dead(now() - hour - index)] as const
      ),
    ]);
    const groups = await storage.deadGroups({ limit: 10 });
    expect(groups.map(({ error, count }) => [error, count]))
      .toEqual([["many", 9_999], ["last", 1]]);
    expect(groups[0]).toMatchObject({ lastEndedAt: now() - hour, lastEventId: id });
  });

  test("list() goes on behind more than a page looks at", async () => {
    const { storage, kv } = await open();
    const sought = await acceptNew(storage, { patternId: "pat_sought", receivedAt: 1 });
    await writeOrders(kv, 10_001, { state: "ignored", event: "job.started" });
    for (const filter of [{ patternId: "pat_sought" }, { receivedBefore: receivedAt }]) {
      const [first, ...others] = await pages(storage, { ...filter, limit: 10 });
      expect(first).toEqual([]);
      expect(others.flat().map(({ id }) => id)).toEqual([sought]);
    }
  });

  test("list() finds behind 9,000 what an order tells apart, with one call", async () => {
    const { storage, kv } = await open();
    const sought = await acceptNew(storage, { patternId: "pat_sought", receivedAt: 1 });
    await writeOrders(kv, 9_000, { state: "ignored", event: "job.started" });
    const filters: readonly EventFilter[] = [
      { patternId: "pat_sought" },
      { receivedBefore: receivedAt },
      { state: "accepted" },
    ];
    for (const filter of filters) {
      const { events } = await storage.list({ ...filter, limit: 10 });
      expect(events.map(({ id }) => id)).toEqual([sought]);
    }
  });

  test("list() finds the few that are due behind many that are not, with one call", async () => {
    const { storage, kv } = await open();
    const [running, pending] = [await acceptNew(storage), await acceptNew(storage)];
    await storage.claim(request({ limit: 1 }));
    await writeOrders(kv, 1_000, { state: "accepted", event: "job.succeeded" });
    for (const [deliveryState, id] of [["running", running], ["pending", pending]] as const) {
      const { events } = await storage.list({ deliveryState, limit: 10 });
      expect(events.map((event) => event.id)).toEqual([id]);
    }
  });

  test("list() of what is due finds it, also where more is due than is put in order", async () => {
    const { storage, kv } = await open();
    const ids: string[] = [];
    for (const after of [0, 1, 2]) {
      ids.unshift(await acceptNew(storage, { receivedAt: receivedAt + after }));
    }
    await storage.claim(request({ limit: 1 }));
    // Before those of the processor `a`.
    const due = many(2_001).map((index) =>
      [["due", "A", 1, place("0", index)], "evt_none"] as const
    );
    for (const more of [[], due]) {
      await write(kv, more);
      for (const limit of [1, 10]) {
        const listed = (filter: EventFilter) => listedIds(storage, filter, limit);
        expect(await listed({ deliveryState: "running" })).toEqual(ids.slice(2));
        const pending = { deliveryState: "pending" } as const;
        expect(await listed(pending)).toEqual(ids.slice(0, 2));
        expect(await listed({ ...pending, receivedBefore: receivedAt + 2 })).toEqual([ids[1]]);
      }
    }
  });

  test("prune() finds the first of more than are put in order at once", async () => {
    const { storage, kv } = await open();
    const done = await Promise.all(many(3).map(() => newEvent({ processors: [] })));
    for (const event of done) await storage.accept(event);
    await write(
      kv,
      many(10_000).map((index) => [["receipt", 1, place("0", index)], true] as const),
    );
    expect(await storage.prune({ receivedBefore: receivedAt + 1, limit: 2 })).toBe(2);
    expect((await storage.list({ limit: 10 })).events.map(({ id }) => id)).toEqual([done[2]?.id]);
  });

  test("activity does not show what it has yet to forget, and forgets all of it", async () => {
    const { storage, kv, now, advance } = await open();
    const counter = new Deno.KvU64(1n);
    const minuteOf = (index: number) => Math.floor(now() / minute) * minute - index * minute;
    const names = ["accepted", "duplicates", "rejected", "dead"];
    await write(
      kv,
      many(60).flatMap((index) =>
        names.map((name) => [["activity", minuteOf(index), name], counter] as const)
      ),
    );
    const left = () => leftKeys(kv, ["imggo_webhooks", "activity"]);
    expect(await storage.activity.list(0)).toHaveLength(60);
    advance(27 * hour);
    expect(await storage.activity.list(0)).toEqual([]);
    const counts: number[] = [];
    // A hundred go with the first one of each minute.
    for (const wait of [0, 0, minute, minute]) {
      advance(wait);
      await storage.activity.add({ accepted: 1 });
      counts.push((await left()).length);
    }
    expect(counts).toEqual([141, 141, 42, 3]);
    const listed = await storage.activity.list(0);
    expect(listed.map(({ accepted }) => accepted)).toEqual([2, 1, 1]);
  });
});

test("settle() leaves nothing due of what was superseded meanwhile", async () => {
  const { storage, kv } = await open();
  const failed = await newEvent({ event: "job.failed", jobId: "job_1" });
  await storage.accept(failed);
  const claim = await claimOne(storage);
  const success = await newEvent({ jobId: "job_1", processors: [] });
  await storage.accept(success);
  await storage.settle(claim, { kind: "retry", afterMs: hour, error: "again" });
  expect(await leftKeys(kv, ["imggo_webhooks", "due"])).toEqual([]);
});

describe("denoKvStorage() where an attempt ends while attempts() reads", () => {
  for (const kind of ["succeeded", "released"] as const) {
    test(`attempts() tells of one that is ${kind} then, once`, async () => {
      const { storage, kv, now } = await open();
      const id = await acceptNew(storage);
      const claim = await claimOne(storage);
      const between: DenoKv = {
        ...faultyKv(kv, (commit) => commit()),
        async *list(selector, options) {
          if (selector.prefix[1] === "attempt") {
            await storage.settle(claim, { kind });
            await storage.redeliver(id, ["a"]);
            await end(storage, "a", "succeeded");
          }
          yield* kv.list(selector, options);
        },
      };
      const told = await denoKvStorage(between, { now }).attempts(id);
      expect(told.filter(({ attempt }) => attempt === 1)).toMatchObject([{ state: kind }]);
    });
  }
});
