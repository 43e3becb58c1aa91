import { PermanentError, StorageError } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { DeliveryJson, EventJson } from "../../src/operations/answers.ts";
import { readApiAnswer, setUpAdmin, token } from "../support/admin-under-test.ts";
import { newEvent } from "../support/new-event.ts";

const succeeded = (jobId: string, more: object = {}) => ({
  event: "job.succeeded",
  data: { job_id: jobId, result: { total: 12.5 }, ...more },
});

const headersOfAll = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

const fails = (code: string) => ({ error: expect.stringMatching(/^\S.*\.$/), code });

describe("GET /events", () => {
  test("tells the last stored first, filtered, page by page", async () => {
    const { call, send } = setUpAdmin({ processors: { a: () => {} } });
    for (const [jobId, pattern_id] of [["j-1", "p-1"], ["j-2", "p-2"], ["j-3", "p-1"]] as const) {
      await send(succeeded(jobId, { pattern_id }));
    }
    await send({ event: "job.queued", job_id: "j-4" });
    const all = await call("/events");
    expect(all).toMatchObject({ status: 200, body: { next_cursor: null } });
    expect(Object.fromEntries(all.headers)).toMatchObject(headersOfAll);
    expect(all.body.data.map(({ job_id }: EventJson) => job_id)).toEqual([
      "j-4",
      "j-3",
      "j-2",
      "j-1",
    ]);
    expect(all.body.data[3]).toEqual({
      id: expect.stringMatching(/^evt_/),
      event: "job.succeeded",
      state: "accepted",
      origin: "webhook",
      job_id: "j-1",
      pattern_id: "p-1",
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      size: expect.any(Number),
      duplicates: 0,
      key: "job.succeeded:j-1",
      deliveries: [expect.objectContaining({ processor: "a" })],
    });
    const jobs = async (query: string) =>
      (await call(`/events?${query}`)).body.data.map(({ job_id }: EventJson) => job_id);
    expect(await jobs("state=ignored")).toEqual(["j-4"]);
    expect(await jobs("pattern_id=p-1&event=job.succeeded")).toEqual(["j-3", "j-1"]);
    expect(await jobs("job_id=j-2&state=&cursor=")).toEqual(["j-2"]);
    expect(await jobs("received_after=2000-01-01&received_before=2001-01-01T00:00:00Z")).toEqual(
      [],
    );
    const first = await call("/events?limit=3");
    expect(first.body.data).toHaveLength(3);
    expect(await jobs(`limit=3&cursor=${encodeURIComponent(first.body.next_cursor)}`))
      .toEqual(["j-1"]);
  });

  test("neither skips nor repeats what was there when the first page was read", async () => {
    const { call, storage } = setUpAdmin();
    const store = async () => (await storage.accept(await newEvent())).id;
    const there: string[] = [];
    for (let index = 0; index < 25; index++) there.unshift(await store());
    const seen: string[] = [];
    let cursor = "";
    do {
      const { body } = await call(`/events?limit=4&cursor=${encodeURIComponent(cursor)}`);
      seen.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor ?? "";
      await store();
    } while (cursor !== "");
    expect(seen).toEqual(there);
  });

  test.each([
    ["limit=0", "limit", "expected a whole number from 1 to 200"],
    ["limit=201", "limit", "expected a whole number from 1 to 200"],
    ["limit=1e2", "limit", "expected a whole number from 1 to 200"],
    ["state=canary", "state", "expected one of accepted, ignored, quarantined, superseded"],
    [
      "delivery_state=canary",
      "delivery_state",
      "expected one of pending, running, succeeded, dead",
    ],
    ["received_after=canary", "received_after", "expected a time in ISO 8601"],
    ["state=dead&state=dead", "state", "expected it once"],
    ["status=accepted", "status", "expected one of state, event, job_id"],
    ["__proto__=canary", "__proto__", "expected one of state, event, job_id"],
    ["job_id=%00", "job_id", "expected text in Unicode"],
    [`job_id=${"canary".repeat(100)}`, "job_id", "expected at most 510 characters"],
  ])("says what was expected instead of %s", async (query, path, message) => {
    const { call } = setUpAdmin();
    const { status, body } = await call(`/events?${query}`);
    expect({ status, body }).toEqual({
      status: 400,
      body: {
        ...fails("invalid_request"),
        issues: [{ path, message: expect.stringContaining(message) }],
      },
    });
    expect(JSON.stringify(body)).not.toContain("canary");
  });
});

describe("GET /events/:id", () => {
  test("tells all that is known: what it means, and each attempt", async () => {
    const { call, send } = setUpAdmin({
      processors: {
        bad: () => {
          throw new PermanentError("never");
        },
      },
    });
    const { body: { id } } = await send(succeeded("j-1"));
    await send(succeeded("j-1"));
    const { body } = await vi.waitUntil(async () => {
      const answer = await call(`/events/${id}`);
      return answer.body.deliveries[0].state === "dead" && answer;
    });
    expect(body).toMatchObject({
      id,
      duplicates: 1,
      trace_id: null,
      canonical: { event: "job.succeeded", data: { job_id: "j-1", result: { total: 12.5 } } },
      deliveries: [{
        processor: "bad",
        state: "dead",
        history: [{ attempt: 1, state: "dead", error: expect.stringContaining("never") }],
      }],
    });
  });

  test("tells of a quarantined one why it is not understood", async () => {
    const { call, send } = setUpAdmin();
    const { body: { id } } = await send({ event: "job.succeeded", job_id: 5 });
    expect((await call(`/events/${id}`)).body).toMatchObject({
      state: "quarantined",
      canonical: null,
      code: "invalid_payload",
      issues: [
        { path: "job_id", message: expect.stringMatching(/^expected /) },
        { path: "", message: "expected `result` or `manifest`" },
      ],
    });
  });

  const ids = [
    "evt_none",
    "%00",
    "%2e%2e%2fpasswd",
    "%E0%A4%A",
    "'",
    "x".repeat(5_000),
    "%F0%9F%A7%BE",
  ];
  test.each(ids)("knows no event %j, nor its body", async (id) => {
    const { call } = setUpAdmin();
    for (const path of [`/events/${id}`, `/events/${id}/body`]) {
      const { status, body } = await call(path);
      expect({ status, body }).toEqual({ status: 404, body: fails("unknown_event") });
    }
    expect(await call(`/events/${id}/redeliver`, {})).toMatchObject({ status: 404 });
  });

  test("takes no parameters", async () => {
    const { call, send } = setUpAdmin();
    const { body: { id } } = await send(succeeded("j-1"));
    expect((await call(`/events/${id}?token=${token}`)).status).toBe(400);
  });
});

describe("POST /events/:id/redeliver", () => {
  test("tells who is told by ids, so that it need not wait for a drain", async () => {
    const notify = vi.fn(async () => {});
    const { call, send, receiver } = setUpAdmin({ processors: { a: () => {} }, notify });
    const { body: { id } } = await send(succeeded("j-1"));
    await receiver.drain();
    notify.mockClear();
    expect(await call(`/events/${id}/redeliver`, {})).toMatchObject({ body: { count: 1 } });
    expect(notify.mock.calls).toEqual([[id]]);
    // It is due already: nobody is told again.
    expect(await call(`/events/${id}/redeliver`, {})).toMatchObject({ body: { count: 0 } });
    expect(notify).toHaveBeenCalledTimes(1);
  });
});

describe("GET /events/:id/body", () => {
  test("gives the raw bytes as an attachment that nothing runs", async () => {
    const { call, send, receiver } = setUpAdmin();
    const hostile = `{"event":"</script><img src=x onerror=alert(1)>\u2028", "a":"\\ud800" }\r\n`;
    const { body: { id } } = await send(new TextEncoder().encode(hostile));
    const { status, headers, body } = await call(`/events/${id}/body`);
    expect({ status, body }).toEqual({ status: 200, body: hostile });
    expect(Object.fromEntries(headers)).toMatchObject({
      ...headersOfAll,
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${id}.json"`,
      "content-security-policy": "default-src 'none'; sandbox",
    });
    const head = await receiver.fetch(
      new Request(`http://receiver.test/admin/api/events/${id}/body`, {
        method: "HEAD",
        headers: { Authorization: `Bearer ${token}` },
      }),
    );
    expect(await head.text()).toBe("");
    expect(head.headers.get("Content-Length")).toBe(headers.get("Content-Length"));
  });
});

/** A processor that fails for good until it is mended. */
function mendable() {
  let isMended = false;
  const ran: string[] = [];
  return {
    ran,
    mend: () => isMended = true,
    process: (event: { data: { job_id: string } }) => {
      if (!isMended) throw new PermanentError("not mended");
      ran.push(event.data.job_id);
    },
  };
}

describe("POST /events/:id/redeliver", () => {
  test("runs it again at once", async () => {
    const processor = mendable();
    const { call, send } = setUpAdmin({ processors: { a: processor.process, b: () => {} } });
    const { body: { id } } = await send(succeeded("j-1"));
    const stateOf = async () =>
      (await call(`/events/${id}`)).body.deliveries.map(({ state }: DeliveryJson) => state);
    await vi.waitUntil(async () => (await stateOf()).join() === "dead,succeeded");
    processor.mend();
    expect(await call(`/events/${id}/redeliver`, { processor: "a" })).toMatchObject({
      status: 200,
      body: { id, count: 1, processors: ["a"], open: [] },
    });
    await vi.waitUntil(async () => (await stateOf()).join() === "succeeded,succeeded");
    expect(processor.ran).toEqual(["j-1"]);
    // Without a body: all.
    expect((await call(`/events/${id}/redeliver`, "")).body.count).toBe(2);
  });

  test("refuses a processor that nobody has, and an event that is for none", async () => {
    const { call, send } = setUpAdmin({ processors: { a: () => {} } });
    const { body: { id } } = await send(succeeded("j-1"));
    expect(await call(`/events/${id}/redeliver`, { processor: "canary" })).toMatchObject({
      status: 422,
      body: { code: "invalid_request", issues: [{ path: "processor" }] },
    });
    const ignored = await send({ event: "job.queued", job_id: "j-1" });
    expect(await call(`/events/${ignored.body["id"]}/redeliver`, {}))
      .toMatchObject({ status: 409, body: fails("not_possible") });
  });
});

describe("POST /redrive", () => {
  test("counts with dry_run, then makes the dead due again", async () => {
    const processor = mendable();
    const { call, send } = setUpAdmin({ processors: { a: processor.process } });
    for (const jobId of ["j-1", "j-2"]) await send(succeeded(jobId));
    await vi.waitUntil(async () => (await call("/stats")).body.deliveries.dead === 2);
    processor.mend();
    expect(await call("/redrive", { dry_run: true }))
      .toMatchObject({ body: { count: 2, dry_run: true, remaining: 2 } });
    expect((await call("/redrive", { event: "job.failed" })).body.count).toBe(0);
    expect((await call("/redrive", { dead_before: "2000-01-01T00:00:00Z" })).body.count).toBe(0);
    expect(processor.ran).toEqual([]);
    expect((await call("/redrive", "")).body).toEqual({ count: 2, dry_run: false, remaining: 0 });
    await vi.waitUntil(() => processor.ran.length === 2);
    expect((await call("/redrive", {})).body.count).toBe(0);
  });

  test("does nothing where what is asked for is not whole and clear", async () => {
    const { call } = setUpAdmin({
      faulty: () => ({ redrive: () => Promise.reject(new Error("it was asked to")) }),
    });
    const refused: [path: string, body: string, status: number, code: string][] = [
      ["/redrive?dry_run=true", "", 400, "invalid_request"],
      ["/redrive", "{", 400, "invalid_json"],
      ["/redrive", "[".repeat(60_000), 400, "invalid_json"],
      ["/redrive", "[]", 422, "invalid_request"],
      ["/redrive", "null", 422, "invalid_request"],
      ["/redrive", '{"dryrun":true}', 422, "invalid_request"],
      ["/redrive", '{"dry_run":1}', 422, "invalid_request"],
      ["/redrive", '{"__proto__":{"dry_run":true}}', 422, "invalid_request"],
      ["/redrive", '{"dead_after":"yesterday"}', 422, "invalid_request"],
      ["/redrive", '{"processor":"\\ud800"}', 422, "invalid_request"],
      ["/redrive", " ".repeat(65_537), 413, "payload_too_large"],
    ];
    for (const [path, body, status, code] of refused) {
      expect(await call(path, body), body.slice(0, 40)).toMatchObject({
        status,
        body: fails(code),
      });
    }
    expect((await call("/redrive", " ".repeat(65_534) + "{}")).status).toBe(200);
  });
});

test("GET /stats counts", async () => {
  const { call, send } = setUpAdmin({ processors: { a: () => {} } });
  await send(succeeded("j-1"));
  const { body } = await call("/stats");
  expect(body).toMatchObject({
    events: { accepted: 1, ignored: 0, quarantined: 0, superseded: 0 },
    overdue: 0,
    rejections: 0,
    spooled: 0,
    rates: { last_hour: { accepted: 0 } },
  });
  expect(body.last_event_age_seconds).toBeLessThan(60);
});

test("rejections are told, and taken once the secret is right", async () => {
  const storage = memoryStorage();
  const before = setUpAdmin({ storage, secret: "not yet the right secret" });
  await before.send(succeeded("j-1"));
  await vi.waitUntil(async () => (await before.call("/rejections")).body.data.length === 1);
  const listed = await before.call("/rejections");
  expect(listed.body).toEqual({
    data: [{
      id: expect.stringMatching(/^rej_/),
      received_at: expect.any(String),
      size: expect.any(Number),
      signature: expect.stringMatching(/^[0-9a-f]{64}$/),
    }],
    next_cursor: null,
  });
  const { call } = setUpAdmin({ storage });
  expect((await call("/rejections/reverify", "")).body)
    .toEqual({
      checked: 1,
      accepted: 1,
      duplicates: 0,
      left: 0,
      complete: true,
      next_cursor: null,
    });
  expect((await call("/events?job_id=j-1")).body.data).toHaveLength(1);
});

test("expectations are made and told", async () => {
  const { call, send } = setUpAdmin();
  expect((await call("/expectations", { job_id: "j-1", pattern_id: "p-1", deadline_s: 0 })).body)
    .toEqual({ job_id: "j-1", state: "waiting" });
  expect((await call("/expectations")).body).toMatchObject({
    data: [{ job_id: "j-1", pattern_id: "p-1", overdue: true, asked: 0 }],
    next_cursor: null,
  });
  await send(succeeded("j-1"));
  expect((await call("/expectations", { job_id: "j-1" })).body)
    .toEqual({ job_id: "j-1", state: "fulfilled" });
  for (
    const body of [
      "",
      "{}",
      '{"job_id":".."}',
      '{"job_id":"a\\nb"}',
      '{"job_id":"a","deadline_s":-1}',
    ]
  ) {
    expect(await call("/expectations", body)).toMatchObject({ status: 422 });
  }
});

describe("POST /drain", () => {
  test("processes what is due, and is refused where nothing is processed", async () => {
    const ran: string[] = [];
    const storage = memoryStorage();
    const processors = {
      a: ({ data }: { data: { job_id: string } }) => void ran.push(data.job_id),
    };
    const other = setUpAdmin({ storage, processors, role: "receiver" });
    await other.send(succeeded("j-1"));
    expect(await other.call("/drain", {})).toMatchObject({
      status: 409,
      body: fails("not_possible"),
    });
    const notify = () => Promise.resolve();
    const { call } = setUpAdmin({ storage, processors, notify });
    expect(await call("/drain", { budget_ms: 1_000 }))
      .toMatchObject({ status: 200, body: { succeeded: 1, dead: 0 } });
    expect(ran).toEqual(["j-1"]);
  });
});

describe("a call", () => {
  const forever = () => new Promise<never>(() => {});

  test("leaves no failure unheard where the storage fails in two ways at once", async () => {
    const unheard = vi.fn();
    process.on("unhandledRejection", unheard);
    onTestFinished(() => void process.off("unhandledRejection", unheard));
    const { call } = setUpAdmin({
      faulty: ({ activity }) => ({
        stats: () => Promise.reject(new StorageError("unavailable", "down")),
        activity: {
          ...activity,
          list() {
            throw new StorageError("unavailable", "down");
          },
        },
      }),
    });
    expect(await call("/stats")).toMatchObject({ status: 503 });
    // Node.js tells of what nobody heard once all that is ready has run.
    await new Promise((resolve) => setImmediate(resolve));
    expect(unheard).not.toHaveBeenCalled();
  });

  test("gets 503 in time where the storage fails, throws or hangs; what failed is only logged", async () => {
    const faults = {
      rejects: () => Promise.reject(new StorageError("unavailable", "canary")),
      throws: () => {
        throw new StorageError("corrupt", "canary");
      },
      hangs: forever,
    };
    await Promise.all(
      Object.values(faults).map(async (fault) => {
        const { call, log } = setUpAdmin({
          faulty: () => ({ list: fault, get: fault, stats: fault, countDead: fault }),
        });
        const startedAt = performance.now();
        const answers = await Promise.all([
          call("/events"),
          call("/events/evt_1"),
          call("/stats"),
          call("/redrive", {}),
        ]);
        expect(performance.now() - startedAt).toBeLessThan(5_000);
        for (const { status, headers, body } of answers) {
          expect({ status, body }).toEqual({ status: 503, body: fails("storage_unavailable") });
          expect(Number(headers.get("Retry-After"))).toBeGreaterThan(0);
          expect(JSON.stringify(body)).not.toContain("canary");
        }
        if (fault !== forever) expect(JSON.stringify(log.lines)).toContain("canary");
      }),
    );
  });

  test("gets 500 with a fixed text for what is no failure of the storage", async () => {
    const { call } = setUpAdmin({
      faulty: () => ({ list: () => Promise.reject(new TypeError("canary")) }),
    });
    const { status, body } = await call("/events");
    expect({ status, body }).toEqual({ status: 500, body: fails("internal_error") });
    expect(JSON.stringify(body)).not.toContain("canary");
  });

  test("by another method gets 405, and HEAD an answer without its body", async () => {
    const { receiver } = setUpAdmin();
    const ask = async (method: string, path: string) => {
      const headers = { Authorization: `Bearer ${token}` };
      const url = `http://receiver.test/admin/api${path}`;
      return await readApiAnswer(await receiver.fetch(new Request(url, { method, headers })));
    };
    const { status, headers } = await ask("DELETE", "/expectations");
    expect([status, headers.get("Allow")?.split(", ").sort()]).toEqual([405, [
      "GET",
      "HEAD",
      "POST",
    ]]);
    expect(await ask("GET", "/redrive")).toMatchObject({ status: 405 });
    expect(await ask("POST", "/stats")).toMatchObject({ status: 405 });
    expect(await ask("HEAD", "/stats")).toMatchObject({ status: 200, body: "" });
    expect(await ask("GET", "/nothing")).toMatchObject({ status: 404 });
  });

  test("is nowhere where the webhook is", () => {
    expect(() => setUpAdmin({ path: "/admin/api/stats" }))
      .toThrow("createReceiver(): path: expected another one than /admin/api/stats.");
  });

  test("is below the receiver's basePath", async () => {
    const { receiver } = setUpAdmin({ basePath: "/hooks" });
    const url = "http://receiver.test/hooks/admin/api/stats";
    const headers = { Authorization: `Bearer ${token}` };
    expect((await receiver.fetch(new Request(url, { headers }))).status).toBe(200);
  });
});
