import type { Lease, NewEvent, Storage, StorageErrorCode, StoredEvent } from "imggo-webhooks";
import { type D1Database, d1Storage } from "imggo-webhooks/storage/d1";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type D1UnderTest, startD1 } from "../../support/d1-database.ts";
import { expectRefused } from "../../support/expect-refused.ts";
import { newEvent, repeatOf } from "../../support/new-event.ts";
import { testClock } from "../contract.ts";
import { expectBytes } from "../contract/calls.ts";

let d1: D1UnderTest;
beforeAll(async () => {
  d1 = await startD1();
});
afterAll(() => d1.dispose());
afterEach(() => d1.clear());

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 3 };

/** The database, with something done about each batch. */
function intercepted(batch: (run: () => Promise<unknown>) => Promise<unknown>): D1Database {
  return {
    prepare: (sql) => d1.database.prepare(sql),
    batch: (statements) => batch(() => d1.database.batch(statements)) as Promise<never>,
  };
}

describe("d1Storage() and what fails", () => {
  test("accept() that fails halfway leaves nothing behind", async () => {
    const storage = d1Storage(d1.database);
    const first = await newEvent();
    await storage.accept(first);
    const sameId = await newEvent({ id: first.id });
    await expectRefused(storage.accept(sameId), "unavailable");
    const again = { ...sameId, id: "evt_again" };
    expect(await storage.accept(again)).toMatchObject({ id: "evt_again", duplicate: false });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(2);
  });

  const lastStatements: Readonly<Record<string, Partial<NewEvent>>> = {
    "new event": {},
    "success after a failure": { jobId: "job_1" },
  };
  for (const [what, fields] of Object.entries(lastStatements)) {
    test(`accept() of a ${what} is whole or not at all, whichever statement fails`, async () => {
      await d1Storage(d1.database).accept(await newEvent({ event: "job.failed", jobId: "job_1" }));
      const before = await d1Storage(d1.database).list({ limit: 10 });
      const event = await newEvent(fields);
      for (let index = 1; index <= 5; index++) {
        const storage = d1Storage({
          prepare: (sql) => d1.database.prepare(sql),
          batch: (statements) => {
            // To look at the schema.
            if (statements.length === 1) return d1.database.batch(statements);
            // The database itself runs what comes before, and fails.
            const failing = d1.database.prepare("INSERT INTO keys (key) VALUES (NULL)");
            return d1.database.batch([...statements.slice(0, index), failing]);
          },
        });
        await expectRefused(storage.accept(event), "unavailable");
        expect(await d1Storage(d1.database).list({ limit: 10 })).toEqual(before);
      }
      expect(await d1Storage(d1.database).accept(event)).toMatchObject({ duplicate: false });
    });
  }

  const passing = [
    ["Network connection lost.", "unavailable"],
    ["D1 DB reset because its code was updated.", "unavailable"],
    ["Internal error while starting up D1 DB storage caused object to be reset.", "unavailable"],
    ["D1 DB storage operation exceeded timeout which caused object to be reset.", "unavailable"],
    ["Cannot resolve D1 DB due to transient issue on remote node.", "unavailable"],
    ["D1 DB is overloaded. Requests queued for too long.", "busy"],
    ["D1 DB is overloaded. Too many requests queued.", "busy"],
  ] as const;
  for (const [message, code] of passing) {
    test(`accept() tries again after: ${message}`, async () => {
      let failures = 2;
      const storage = d1Storage(intercepted(async (run) => {
        if (failures-- > 0) throw new Error(`D1_ERROR: ${message}`);
        return await run();
      }));
      const event = await newEvent();
      expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
      failures = 1;
      expect(await expectRefused(storage.ping(), code)).toContain(message);
    });
  }

  test("accept() whose answer is lost is answered as at first, and stored once", async () => {
    const storage = d1Storage(d1.database);
    await storage.ping();
    let lost = 2;
    const forgetful = d1Storage(intercepted(async (run) => {
      const results = await run();
      if (lost-- > 0) throw new Error("D1_ERROR: Network connection lost.");
      return results;
    }));
    const event = await newEvent();
    expect(await forgetful.accept(event))
      .toEqual({ id: event.id, duplicate: false, state: "accepted", identical: true });
    expect((await storage.list({ limit: 10 })).events)
      .toMatchObject([{ id: event.id, duplicates: 0, deliveries: [{ state: "pending" }] }]);
  });

  test("accept() gives up when its signal aborts", async () => {
    const giveUp = new AbortController();
    const storage = d1Storage(intercepted(() => {
      setTimeout(() => giveUp.abort(), 20);
      return Promise.reject(new Error("D1_ERROR: Network connection lost."));
    }));
    const startedAt = performance.now();
    await expectRefused(storage.accept(await newEvent(), giveUp.signal), "unavailable");
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  const lasting: readonly (readonly [string, StorageErrorCode])[] = [
    ["string or blob too big: SQLITE_TOOBIG", "full"],
    ["Exceeded maximum DB size.", "full"],
    ["database disk image is malformed: SQLITE_CORRUPT", "corrupt"],
    ["not authorized: SQLITE_AUTH", "denied"],
    ["Too many API requests by single worker invocation.", "unavailable"],
    ["something that nobody has seen", "unavailable"],
  ];
  for (const [message, code] of lasting) {
    test(`accept() does not try again after: ${message}`, async () => {
      let calls = 0;
      const storage = d1Storage(intercepted(() => {
        calls++;
        return Promise.reject(new Error(`D1_ERROR: ${message}`));
      }));
      expect(await expectRefused(storage.accept(await newEvent()), code)).toContain(message);
      expect(calls).toBe(1);
    });
  }

  test("an event that was pruned is not stored again by the call that stored it", async () => {
    const clock = testClock();
    const storage = d1Storage(d1.database, clock);
    const event = await newEvent({ processors: [] });
    const answer = await storage.accept(event);
    expect(await storage.prune({ receivedBefore: clock.now(), limit: 10 })).toBe(1);
    expect(await storage.accept(event)).toEqual(answer);
    expect(await storage.get(event.id)).toBeUndefined();
    const repeat = await storage.accept(repeatOf(event));
    expect(repeat).toMatchObject({ id: event.id, duplicate: true });
    const query = d1.database.prepare("SELECT duplicates FROM keys");
    expect(await d1.database.batch([query])).toMatchObject([{ results: [{ duplicates: 1 }] }]);
  });

  /** What another one does after a claim has seen what is due, and before it takes it. */
  const meanwhile: Readonly<
    Record<string, (other: Storage, lease: Lease, event: NewEvent) => Promise<unknown>>
  > = {
    "renews it": (other, lease) => other.renew(lease, 60_000),
    "records its success": (other, lease) => other.settle(lease, { kind: "succeeded" }),
    "records its end": (other, lease) => other.settle(lease, { kind: "dead", error: "no" }),
    "lets it wait": (other, lease) =>
      other.settle(lease, { kind: "retry", afterMs: 60_000, error: "again" }),
    "claims it": (other) => other.claim(request),
    "supersedes it": async (other, _lease, { jobId }) =>
      other.accept(await newEvent({ jobId, processors: [] })),
  };
  for (const [what, act] of Object.entries(meanwhile)) {
    for (const maxAttempts of [3, 1]) {
      test(`claim() of ${maxAttempts} attempts takes nothing when another one ${what}`, async () => {
        const clock = testClock();
        const other = d1Storage(d1.database, clock);
        const event = await newEvent({ event: "job.failed" });
        await other.accept(event);
        const { claims: [lease] } = await other.claim(request);
        if (lease === undefined) throw new Error("nothing was claimed");
        clock.advance(120_000);

        let batches = 0;
        let after: unknown;
        const storage = d1Storage(
          intercepted(async (run) => {
            // The first one looks at the schema, the second at what is due.
            if (++batches === 3) {
              await act(other, lease, event);
              after = await other.get(event.id);
            }
            return await run();
          }),
          clock,
        );
        const result = await storage.claim({ ...request, maxAttempts });
        expect(result).toEqual({ claims: [], exhausted: [] });
        expect(after).toBeDefined();
        const withdrawn = what === "supersedes it" ? { deliveries: [] } : {};
        expect(await other.get(event.id)).toEqual({ ...after as StoredEvent, ...withdrawn });
      });
    }
  }

  test("claim() makes no attempt too many when another one makes the last meanwhile", async () => {
    const other = d1Storage(d1.database);
    const event = await newEvent();
    await other.accept(event);
    const failOnce = async () => {
      const { claims: [lease] } = await other.claim(request);
      await other.settle(lease as Lease, { kind: "retry", afterMs: 0, error: "again" });
    };
    await failOnce();
    let batches = 0;
    const storage = d1Storage(intercepted(async (run) => {
      if (++batches === 3) await failOnce();
      return await run();
    }));
    const { claims, exhausted } = await storage.claim({ ...request, maxAttempts: 2 });
    expect([claims.length, exhausted.length]).toEqual([0, 1]);
    expect(await other.get(event.id))
      .toMatchObject({ deliveries: [{ state: "dead", attempts: 2 }] });
  });

  test("claim() gives an event its own body, also where it has another one's place", async () => {
    const clock = testClock();
    const other = d1Storage(d1.database, clock);
    await other.accept(await newEvent());
    const next = await newEvent({ body: new TextEncoder().encode("the next one's") });
    let batches = 0;
    const storage = d1Storage(
      intercepted(async (run) => {
        if (++batches === 3) {
          const { claims: [lease] } = await other.claim(request);
          await other.settle(lease as Lease, { kind: "succeeded" });
          await other.prune({ receivedBefore: clock.now(), limit: 1 });
          await other.accept(next);
        }
        return await run();
      }),
      clock,
    );
    const { claims } = await storage.claim(request);
    expect(claims.map(({ eventId }) => eventId)).toEqual([next.id]);
    expectBytes(claims[0]?.body, next.body);
  });
});
