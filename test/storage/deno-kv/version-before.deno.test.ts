/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { expect, onTestFinished, test } from "vitest";
import { leftKeys } from "../../support/left-keys.ts";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import { testClock } from "../contract.ts";
import { claimOne, day, listedIds, minute, request } from "../contract/calls.ts";

interface Delivery {
  readonly state: "pending" | "running" | "succeeded" | "dead";
  readonly attempts: number;
  readonly fence: number;
  readonly dueAt: number;
  readonly endedAt: number | null;
  readonly lastError: string | null;
}

/** Writes an event with one delivery, for processor `a`, as it was before attempts were told. */
async function storeAsBefore(kv: Deno.Kv, name: string, delivery: Delivery): Promise<string> {
  const { id, key, body, ...event } = await newEvent({ key: name, patternId: `pat_${name}` });
  const of = ["imggo_webhooks", "event", id];
  const index = (...parts: Deno.KvKeyPart[]) => ["imggo_webhooks", ...parts];
  const order = { id, receivedAt };
  const deliveries = { pending: 0, running: 0, succeeded: 0, dead: 0, [delivery.state]: 1 };
  const texts = { key, event: event.event, jobId: event.jobId, patternId: event.patternId };
  const record = {
    ...{ id, state: "accepted", origin: "webhook", receivedAt, texts, textsSize: 0 },
    ...{ size: body.length, digest: new Uint8Array(32), content: name },
  };
  const place = kv.commitVersionstamp();
  const atomic = kv.atomic()
    .set(index("dedupe", key), { eventId: id })
    .set([...of, "record"], record)
    .set([...of, "status"], { superseded: false, deliveries })
    .set([...of, "delivery", "a"], delivery)
    .set(index("job", String(event.jobId)), { ends: 1, succeeded: 1, failed: [] })
    .set(index("order", place), order)
    .set(index("ofJob", String(event.jobId), place), order)
    .set(index("receipt", receivedAt, place), true)
    .set(index("part", name, 0), body)
    .sum(index("count", "events", "accepted"), 1n)
    .sum(index("count", "deliveries", delivery.state), 1n);
  if (delivery.state === "pending" || delivery.state === "running") {
    atomic.set(index("due", "a", delivery.dueAt, place), id);
  }
  const stored = await atomic.commit();
  if (stored.ok && delivery.state === "dead") {
    const dead = { id, receivedAt, endedAt: delivery.endedAt };
    await kv.set(index("dead", stored.versionstamp, "a"), dead);
  }
  return id;
}

test("denoKvStorage() works with what the version before stored, and leaves none of it", async () => {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const clock = testClock();
  const { now, advance } = clock;
  const storage = denoKvStorage(kv, clock);
  const fresh: Delivery = {
    ...{ state: "pending", attempts: 1, fence: 1, dueAt: now() },
    ...{ endedAt: null, lastError: null },
  };
  const store = (name: string, fields: Partial<Delivery>) =>
    storeAsBefore(kv, name, { ...fresh, ...fields });
  const succeeded = await store("succeeded", { state: "succeeded", endedAt: now() });
  const dead = await store("dead", { state: "dead", endedAt: now(), lastError: "no" });
  const running = await store("running", { state: "running", dueAt: now() + minute });
  const lost = await store("lost", { state: "running", dueAt: now() - 2 });
  const retried = await store("retried", { lastError: "no", dueAt: now() - 1 });
  const ids = [retried, lost, running, dead, succeeded];

  expect(await listedIds(storage)).toEqual(ids);
  for (const id of ids) {
    expect(await storage.get(id)).toMatchObject({ id, traceParent: null });
    expect(await storage.attempts(id)).toEqual([]);
  }
  expect(await listedIds(storage, { patternId: "pat_dead" })).toEqual([dead]);
  expect(await listedIds(storage, { event: "job.succeeded", state: "accepted" })).toEqual(ids);
  expect(await listedIds(storage, { state: "superseded" })).toEqual([]);
  for (const state of ["succeeded", "dead"] as const) {
    expect(await listedIds(storage, { deliveryState: state }))
      .toEqual([state === "dead" ? dead : succeeded]);
  }
  const group = { processor: "a", error: "no" };
  expect(await storage.deadGroups({ limit: 10 }))
    .toEqual([{ ...group, count: 1, lastEndedAt: now(), lastEventId: dead }]);
  for (const [filter, count] of [[{ patternId: "pat_dead" }, 1], [{ patternId: "pat_lost" }, 0]]) {
    expect(await storage.countDead({ ...group, ...filter as object })).toBe(count);
  }
  expect(await storage.countDead({ error: "yes" })).toBe(0);

  // What ends now has a beginning that nobody knows; what begins now is told.
  await storage.settle({ eventId: running, processor: "a", fence: 1 }, { kind: "succeeded" });
  expect(await storage.attempts(running)).toEqual([]);
  expect(await storage.redeliver(succeeded, ["a"])).toBe(1);
  expect(await storage.redrive({ ...group, limit: 10 })).toBe(1);
  const { claims } = await storage.claim(request());
  expect(claims.map(({ eventId, attempt, traceParent }) => [eventId, attempt, traceParent]))
    .toEqual([[lost, 2, null], [retried, 2, null], [succeeded, 1, null], [dead, 1, null]]);
  for (const claim of claims) await storage.settle(claim, { kind: "succeeded" });
  for (const { eventId, attempt } of claims) {
    expect(await storage.attempts(eventId)).toMatchObject([{ attempt, state: "succeeded" }]);
  }
  await storage.redeliver(running, ["a"]);
  await storage.settle(await claimOne(storage), { kind: "succeeded" });

  expect(await storage.prune({ receivedBefore: receivedAt + 1, limit: 10 })).toBe(5);
  advance(31 * day);
  await storage.prune({ receivedBefore: 0, limit: 10 });
  expect(await leftKeys(kv)).toEqual([]);
});

test("attempts() does not take one's beginning for that of another, which the version before claimed", async () => {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const storage = denoKvStorage(kv, testClock());
  const { id } = await storage.accept(await newEvent());
  const outcome = { kind: "retry", afterMs: 0, error: "no" } as const;
  await storage.settle(await claimOne(storage), outcome);
  const key = ["imggo_webhooks", "event", id, "delivery", "a"];
  const { value } = await kv.get<Delivery>(key);
  await kv.set(key, { ...value, state: "running", attempts: 2, fence: 2 });
  expect(await storage.settle({ eventId: id, processor: "a", fence: 2 }, outcome)).toBe(true);
  expect(await storage.attempts(id)).toMatchObject([{ attempt: 1, state: "retry" }]);
});
