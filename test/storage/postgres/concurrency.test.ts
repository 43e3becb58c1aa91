import type { Claim, NewEvent, Outcome, Storage } from "imggo-webhooks";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newEvent, repeatOf } from "../../support/new-event.ts";
import { clients } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
});
afterAll(() => server.dispose());

const request = { processors: ["a"], limit: 25, leaseMs: 60_000, maxAttempts: 8 };

async function administrate(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows;
}

/** How many the server had to break up. */
async function deadlocks(): Promise<number> {
  const [row] = await administrate(
    "SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()",
  ) as { count: number }[];
  return row?.count ?? NaN;
}

/** So many storages over one schema, by each client in turn, with connections of their own. */
function open(count: number, schema: string): Storage[] {
  return Array.from({ length: count }, (_, index) => {
    const connect = clients[index % clients.length]![1];
    return postgresStorage(connect(server.url), { schema });
  });
}

async function storeAll(storages: readonly Storage[], events: readonly NewEvent[]) {
  const left = [...events];
  await Promise.all(
    storages.flatMap((storage) => [storage, storage, storage, storage]).map(
      async (storage) => {
        for (let event = left.pop(); event; event = left.pop()) await storage.accept(event);
      },
    ),
  );
}

test("postgresStorage() gives each of 2,000 deliveries to one of 8 that claim at once", async () => {
  const storages = open(8, "claimed");
  const events = await Promise.all(Array.from({ length: 2_000 }, () => newEvent()));
  await storeAll(storages, events);
  const claims: Claim[] = [];
  await Promise.all(storages.map(async (storage) => {
    for (let more = true; more;) {
      const { claims: some } = await storage.claim(request);
      claims.push(...some);
      more = some.length > 0;
    }
  }));
  expect(claims.map(({ eventId }) => eventId).sort()).toEqual(events.map(({ id }) => id).sort());
  expect(new Set(claims.map(({ attempt, fence }) => `${attempt} ${fence}`))).toEqual(
    new Set(["1 1"]),
  );
});

test("postgresStorage() supersedes a failure that is stored at the same time as the success", async () => {
  const [one, two] = open(2, "superseded") as [Storage, Storage];
  for (let job = 0; job < 100; job++) {
    const jobId = `job_${job}`;
    const failure = await newEvent({ jobId, event: "job.failed" });
    const success = await newEvent({ jobId });
    const [first, second] = job % 2 ? [failure, success] : [success, failure];
    await Promise.all([one.accept(first), two.accept(second)]);
    expect(await one.get(failure.id)).toMatchObject({ state: "superseded", deliveries: [] });
    expect(await one.get(success.id)).toMatchObject({
      state: "accepted",
      deliveries: [{ state: "pending" }],
    });
  }
});

test("postgresStorage() prunes none of 300 that are redelivered at the same time", async () => {
  const storages = open(6, "redelivered");
  const events = await Promise.all(Array.from({ length: 300 }, () => newEvent({ processors: [] })));
  await storeAll(storages, events);
  const due: string[] = [];
  const left = [...events];
  const pruned: number[] = [];
  await Promise.all([
    ...storages.slice(0, 3).map(async (storage) => {
      for (let event = left.pop(); event; event = left.pop()) {
        if (await storage.redeliver(event.id, ["a"])) due.push(event.id);
      }
    }),
    ...storages.slice(3).map(async (storage) => {
      while (left.length > 0) {
        pruned.push(await storage.prune({ receivedBefore: Date.now(), limit: 1 }));
      }
    }),
  ]);
  const count = pruned.reduce((sum, each) => sum + each);
  expect(due.length + count).toBe(events.length);
  expect(Math.min(due.length, count)).toBeGreaterThan(0);
  for (const id of due) {
    expect(await storages[0]?.get(id)).toMatchObject({ deliveries: [{ state: "pending" }] });
  }
  expect(await administrate("SELECT count(*)::int FROM redelivered.deliveries"))
    .toEqual([{ count: due.length }]);
});

test("postgresStorage() lets nobody wait for each other for ever, whatever is done at once", async () => {
  const storages = open(6, "mixed");
  await storages[0]?.ping();
  const until = performance.now() + 2_000;
  const pick = <T>(items: readonly T[]) => items[Math.floor(Math.random() * items.length)] as T;
  const events: NewEvent[] = [];
  for (let job = 0; job < 8; job++) {
    for (const event of ["job.succeeded", "job.failed"]) {
      events.push(await newEvent({ event, jobId: `job_${job}`, processors: ["a", "b"] }));
    }
  }
  const held: Claim[] = [];
  const work: Readonly<Record<string, (storage: Storage) => Promise<unknown>>> = {
    accept: (storage) => storage.accept(repeatOf(pick(events))),
    claim: async (storage) => {
      held.push(...(await storage.claim({ ...request, processors: ["b", "a"], limit: 5 })).claims);
    },
    settle: async (storage) => {
      const claim = held.pop();
      const outcome = pick<Outcome>([
        { kind: "succeeded" },
        { kind: "released" },
        { kind: "retry", afterMs: 0, error: "again" },
        { kind: "dead", error: "no" },
      ]);
      if (claim) await storage.settle(claim, outcome);
    },
    exhaust: (storage) =>
      storage.claim({ ...request, processors: ["a", "b"], leaseMs: 0, maxAttempts: 1 }),
    renew: async (storage) => held[0] && await storage.renew(held[0], 60_000),
    prune: (storage) => storage.prune({ receivedBefore: Date.now(), limit: 20 }),
    list: (storage) => storage.list({ deliveryState: "dead", limit: 20 }),
    stats: (storage) => storage.stats(),
    redeliver: async (storage) => {
      const { events: [event] } = await storage.list({ limit: 1 });
      if (event) await storage.redeliver(event.id, ["c", "b", "a"]);
    },
    redrive: (storage) => storage.redrive({ limit: 5 }),
    await: (storage) =>
      storage.expectations.add({ jobId: pick(events).jobId ?? "", patternId: null, withinMs: 0 }),
    ask: (storage) => storage.expectations.claim({ limit: 5, leaseMs: 0 }),
    postpone: (storage) =>
      storage.expectations.postpone(pick(events).jobId ?? "", { afterMs: 0, error: "again" }),
    reject: (storage) =>
      storage.rejections.add({
        id: `rej_${Math.random()}`,
        receivedAt: 0,
        signature: "",
        body: new Uint8Array(10),
      }, { maxCount: 3, maxBytes: 20, maxAgeMs: 60_000 }),
    count: (storage) => storage.activity.add({ accepted: 1, dead: 2 }),
  };
  await administrate(`INSERT INTO mixed.activity
    SELECT now() - n * interval '30 hours', 7, 7, 7, 7 FROM generate_series(1, 1000) n`);
  const failures: unknown[] = [];
  const counts = new Map<string, number>();
  await Promise.all(
    storages.flatMap((storage) => [storage, storage, storage]).map(
      async (storage) => {
        while (performance.now() < until) {
          const name = pick(Object.keys(work));
          await work[name]?.(storage).catch((error) => failures.push(error));
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
      },
    ),
  );
  expect(failures).toEqual([]);
  expect([...counts.keys()].sort()).toEqual(Object.keys(work).sort());
  expect(await deadlocks()).toBe(0);
  const minutes = await storages[0]?.activity.list(0) ?? [];
  const sum = minutes.reduce((sum, { accepted, dead }) => [sum[0]! + accepted, sum[1]! + dead], [
    0,
    0,
  ]);
  expect(sum).toEqual([counts.get("count"), 2 * (counts.get("count") ?? NaN)]);
});

test("postgresStorage() forgets expired keys of which others prune or accept some", async () => {
  const storages = open(6, "expired");
  const events = await Promise.all(Array.from({ length: 1_000 }, () => newEvent()));
  await storeAll(storages, events);
  await administrate(`DELETE FROM expired.deliveries; DELETE FROM expired.events;
    UPDATE expired.keys SET expires_at = now() - random() * interval '1 day'`);
  const repeats = events.slice(0, 300).map(repeatOf);
  await Promise.all([
    ...storages.map((storage) => storage.prune({ receivedBefore: 0, limit: 1 })),
    storeAll(storages, repeats),
  ]);
  for (const storage of storages) await storage.prune({ receivedBefore: 0, limit: 1 });
  expect(await administrate("SELECT count(*)::int FROM expired.keys WHERE expires_at IS NOT NULL"))
    .toEqual([{ count: 0 }]);
  expect(await deadlocks()).toBe(0);
});

test("settle() of many successes at once tells of each whether its lease was held", async () => {
  const [storage] = open(1, "succeeded") as [Storage];
  const events = await Promise.all(
    Array.from({ length: 150 }, () => newEvent({ processors: ["b", "a"] })),
  );
  await storeAll([storage], events);
  const processors = ["a", "b"];
  const { claims } = await storage.claim({ ...request, processors, limit: 300 });
  expect(claims).toHaveLength(300);
  const isLost = (index: number) => index % 3 === 0;
  const settled = claims.map((claim, index) =>
    storage.settle(
      isLost(index) ? { ...claim, fence: claim.fence + 1 } : claim,
      { kind: "succeeded" },
    )
  );
  // One that is not known, and one that is settled twice.
  const unknown = storage.settle({ ...claims[1]!, eventId: "evt_unknown" }, { kind: "succeeded" });
  const twice = storage.settle(claims[1]!, { kind: "succeeded" });
  const held = await Promise.all(settled);
  expect(await unknown).toBe(false);
  expect([held[1], await twice].sort()).toEqual([false, true]);
  expect(held.filter((_, index) => index !== 1))
    .toEqual(claims.map((_, index) => !isLost(index)).filter((_, index) => index !== 1));
  expect((await storage.stats()).deliveries).toMatchObject({ succeeded: 200, running: 100 });
});
