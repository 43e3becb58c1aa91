import { describe, expect, test, vi } from "vitest";
import { setUp } from "../support/receiver-under-test.ts";
import { failure, flatWithManifest, nested, sampleJob, success, toBytes } from "../support/wire.ts";

const hour = 3_600_000;

describe("a duplicate", () => {
  test("fetch() answers a repeat with the first one's id, and counts it", async () => {
    const { send, storage } = setUp();
    const first = await send(success);
    for (let repeat = 1; repeat <= 3; repeat++) {
      const { status, body } = await send(success);
      expect(status).toBe(200);
      expect(body).toEqual({ status: "duplicate", id: first.body["id"] });
    }
    expect(await storage.get(first.body["id"] as string)).toMatchObject({ duplicates: 3 });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test("fetch() knows an event again by its job, not by its bytes: the first ones are kept", async () => {
    const { send, storage, log } = setUp();
    const first = await send(success);
    const id = first.body["id"] as string;
    const repeats = [
      flatWithManifest.succeeded({ ...sampleJob, timestamp: "2027-01-01T00:00:00Z" }),
      flatWithManifest.succeeded({ ...sampleJob, result: { total: 99 } }),
      nested.succeeded(sampleJob),
    ];
    for (const repeat of repeats) {
      expect((await send(repeat)).body).toEqual({ status: "duplicate", id });
    }
    expect(await storage.body(id)).toEqual(toBytes(success));
    expect(log.of("other bytes")).toMatchObject(repeats.map(() => ({ level: "warn", id })));
  });

  test("fetch() says nothing of other bytes where they are the same", async () => {
    const { send, log } = setUp();
    await send(success);
    await send(success);
    expect(log.of("other bytes")).toEqual([]);
  });

  test("fetch() takes a replay as a duplicate however late it comes", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 15) });
    const { send } = setUp();
    const { body: { id } } = await send(success);
    for (const later of [6 * 60_000, 2 * hour, 400 * 24 * hour]) {
      vi.setSystemTime(Date.UTC(2026, 0, 15) + later);
      expect((await send(success)).body).toEqual({ status: "duplicate", id });
    }
  });

  test("fetch() stores one event of a hundred that come at once, and answers all 200", async () => {
    const { send, storage } = setUp();
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(success)));
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect(answers.filter(({ body }) => body["status"] === "received")).toHaveLength(1);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test("fetch() answers a repeat of what was ignored with the first one's id", async () => {
    const { send } = setUp();
    const queued = { event: "job.queued", job_id: "j-1" };
    const { body: { id } } = await send(queued);
    expect((await send(queued)).body).toEqual({ status: "duplicate", id });
    expect((await send({ ...queued, job_id: "j-2" })).body["id"]).not.toBe(id);
  });

  test("fetch() tells events of two jobs apart", async () => {
    const { send } = setUp();
    const { body: { id } } = await send(success);
    const another = await send(flatWithManifest.succeeded({ ...sampleJob, job_id: "another" }));
    expect(another.body["status"]).toBe("received");
    expect(another.body["id"]).not.toBe(id);
  });
});

describe("dedupeKey", () => {
  test("createReceiver() takes two events of one key as the same", async () => {
    const { send } = setUp({ dedupeKey: ({ data }) => `${data.job_id}:${data["attempt"]}` });
    const first = await send({ ...success, attempt: 1 });
    expect((await send({ ...success, attempt: 1 })).body)
      .toEqual({ status: "duplicate", id: first.body["id"] });
    expect((await send({ ...success, attempt: 2 })).body["status"]).toBe("received");
  });

  const broken: Record<string, () => unknown> = {
    "throws": () => {
      throw new Error("no key");
    },
    "gives nothing": () => undefined,
    "gives empty text": () => "",
    "gives a number": () => 7,
    "gives a promise": () => Promise.resolve("key"),
    "gives text with a NUL": () => "tenant\0job",
    "gives half of a surrogate pair": () => "job \ud83e",
    "gives 1,001 characters": () => "x".repeat(1_001),
  };
  for (const [kind, dedupeKey] of Object.entries(broken)) {
    test(`createReceiver() goes by the default key, and says so, where dedupeKey ${kind}`, async () => {
      const { send, accepted, log } = setUp({ dedupeKey: dedupeKey as () => string });
      expect((await send(success)).body["status"]).toBe("received");
      expect((await send(success)).body["status"]).toBe("duplicate");
      expect((await send(failure)).body["status"]).toBe("received");
      expect(new Set(accepted.map(({ key }) => key)).size).toBe(2);
      expect(log.of("dedupeKey")).toMatchObject([
        { level: "error" },
        { level: "error" },
        { level: "error" },
      ]);
    });
  }

  test("createReceiver() takes a key of 1,000 characters, whatever their script", async () => {
    const { send, accepted, log } = setUp({ dedupeKey: () => "🧾".repeat(1_000) });
    expect((await send(success)).body["status"]).toBe("received");
    expect((await send(failure)).body["status"]).toBe("duplicate");
    expect(accepted[0]?.key).toBe("🧾".repeat(1_000));
    expect(log.of("dedupeKey")).toEqual([]);
  });
});
