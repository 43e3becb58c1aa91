import { createReceiver, type ReceiverOptions, type Storage } from "imggo-webhooks";
import { admin } from "imggo-webhooks/admin";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { listen } from "../../src/entry/listen/node.ts";
import { createOperations } from "../../src/operations/on-storage.ts";
import type { Operations } from "../../src/operations/operations.ts";
import { operationsOverHttp } from "../../src/operations/over-http.ts";
import type { PluginHost } from "../../src/plugin.ts";
import { newEvent } from "../support/new-event.ts";
import { secret, signedRequest } from "../support/signed-request.ts";

const token = "a token of 24 characters or more";
const dead = { kind: "dead", error: "Error: it broke" } as const;

/** The same storage, operated on directly and over HTTP. */
interface Both {
  readonly storage: Storage;
  readonly local: Operations;
  readonly remote: Operations;
}

/** A receiver that processes nothing by itself, below a path. */
function setUp({ plugins = [admin({ token })], ...options }: Partial<ReceiverOptions> = {}): Both {
  const sqlite = sqliteStorage(":memory:");
  const { rejections } = sqlite;
  const storage: Storage = {
    ...sqlite,
    rejections: {
      ...rejections,
      // As some storages do with one that is none of theirs.
      async list(query) {
        if (query.cursor === "nothing") throw new TypeError("It is no cursor.");
        return await rejections.list(query);
      },
    },
  };
  const hosts: PluginHost[] = [];
  const receiver = createReceiver({
    secret,
    storage,
    basePath: "/hooks",
    role: "receiver",
    processors: { a() {}, b() {} },
    plugins: [...plugins, (host) => {
      hosts.push(host);
      return {};
    }],
    ...options,
  });
  onTestFinished(async () => {
    await receiver.stop();
    await storage.close();
  });
  const [host] = hosts;
  if (host === undefined) throw new Error("no plugin was plugged in");
  return {
    storage,
    local: createOperations(host),
    remote: operationsOverHttp({
      url: "https://example.com/hooks",
      token,
      fetch: (input, init) => receiver.fetch(new Request(input, init)),
    }),
  };
}

/** Four events, one of them dead for `b`, as many rejections and an expectation. */
async function filled(both: Both): Promise<Both> {
  const { storage } = both;
  const events = await Promise.all([
    newEvent({ id: "evt_1", jobId: "job 1/ü", patternId: "pat&1", processors: ["a", "b"] }),
    newEvent({ id: "evt_2", event: "job.failed", receivedAt: Date.UTC(2026, 1, 1) }),
    newEvent({ id: "evt_3", state: "ignored", event: "job.queued" }),
    newEvent({ id: "evt_4", body: new Uint8Array([0, 0xff, 0x7b]) }),
  ]);
  for (const event of events) await storage.accept(event);
  const claiming = { processors: ["b"], limit: 9, leaseMs: 60_000, maxAttempts: 3 };
  for (const outcome of [{ kind: "retry", afterMs: 0, error: "Error: not yet" } as const, dead]) {
    const { claims } = await storage.claim(claiming);
    for (const claim of claims) await storage.settle(claim, outcome);
  }
  for (const name of ["rej_1", "rej_2", "rej_3"]) {
    const request = await signedRequest({ name }, { secret: "another secret of others" });
    const signature = request.headers.get("X-ImgGo-Signature")?.replace("sha256=", "") ?? "";
    await storage.rejections.add(
      { id: name, receivedAt: 1, signature, body: new Uint8Array(await request.arrayBuffer()) },
      { maxCount: 10, maxBytes: 10_000, maxAgeMs: 60_000 },
    );
  }
  await storage.expectations.add({ jobId: "job_late", patternId: null, withinMs: 0 });
  await storage.activity.add({ accepted: 4, dead: 1 });
  return both;
}

const page = { limit: 50 };

describe("operationsOverHttp() answers as the storage does", () => {
  const reads: Readonly<Record<string, (operations: Operations) => Promise<unknown>>> = {
    "all events": ({ listEvents }) => listEvents(page),
    "a page of them": ({ listEvents }) => listEvents({ limit: 2 }),
    "those of a state": ({ listEvents }) => listEvents({ ...page, state: "ignored" }),
    "those of a name": ({ listEvents }) => listEvents({ ...page, event: "job.failed" }),
    "those of a job": ({ listEvents }) => listEvents({ ...page, job_id: "job 1/ü" }),
    "those of a pattern": ({ listEvents }) => listEvents({ ...page, pattern_id: "pat&1" }),
    "those with a delivery": ({ listEvents }) => listEvents({ ...page, delivery_state: "dead" }),
    "those since a time": ({ listEvents }) =>
      listEvents({ ...page, received_after: "2026-01-15T00:00:00.000Z" }),
    "those before a time": ({ listEvents }) =>
      listEvents({ ...page, received_before: "2026-01-15T00:00:00.000Z" }),
    "an event with its attempts": ({ getEvent }) => getEvent("evt_1"),
    "an event that is ignored": ({ getEvent }) => getEvent("evt_3"),
    "the bytes of an event": ({ eventBody }) => eventBody("evt_4"),
    "rejections": ({ listRejections }) => listRejections({ limit: 2 }),
    "expectations": ({ listExpectations }) => listExpectations(page),
    "how many are dead": ({ redrive }) => redrive({ processor: "b", dry_run: true }),
    "how many are dead since": ({ redrive }) =>
      redrive({ dead_after: "2999-01-01T00:00:00.000Z", dry_run: true }),
  };
  for (const [what, read] of Object.entries(reads)) {
    test(what, async () => {
      const { local, remote } = await filled(setUp());
      const [expected, answer] = [await read(local), await read(remote)];
      expect(answer).toEqual(expected);
    });
  }

  test("in pages, of which none is left out", async () => {
    const { remote } = await filled(setUp());
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const part = await remote.listEvents({ limit: 1, cursor });
      seen.push(...part.data.map(({ id }) => id));
      cursor = part.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toEqual(["evt_4", "evt_3", "evt_2", "evt_1"]);
  });

  test("what there is, counted", async () => {
    const { local, remote } = await filled(setUp());
    const age = { last_event_age_seconds: 0, oldest_pending_seconds: 0 };
    expect({ ...await remote.stats(), ...age }).toEqual({ ...await local.stats(), ...age });
    expect((await remote.stats()).rates.last_hour).toMatchObject({ accepted: 4, dead: 1 });
  });

  const refused: Readonly<Record<string, (operations: Operations) => Promise<unknown>>> = {
    "an event that is not there": ({ getEvent }) => getEvent("evt_9"),
    "the bytes of one": ({ eventBody }) => eventBody("evt_9"),
    "to redeliver what no processor gets": ({ redeliver }) => redeliver("evt_3", {}),
    "to redeliver to nobody": ({ redeliver }) => redeliver("evt_1", { processor: "nobody" }),
    "a cursor that the storage does not know": ({ reverify }) => reverify({ cursor: "nothing" }),
    "to process, as it only receives": ({ drain }) => drain({ budget_ms: 100 }),
  };
  for (const [what, call] of Object.entries(refused)) {
    test(`that it refuses ${what}`, async () => {
      const { local, remote } = await filled(setUp());
      const [expected, answer] = await Promise.all(
        [local, remote].map((each) => call(each).catch((error: unknown) => error)),
      );
      expect(answer).toMatchObject({ name: "OperationError" });
      expect(answer).toEqual(expected);
      expect((answer as { issues: unknown }).issues)
        .toEqual((expected as { issues: unknown }).issues);
    });
  }
});

describe("operationsOverHttp() does what the storage does", () => {
  test("redeliver, with a processor and without", async () => {
    const { storage, remote } = await filled(setUp());
    expect(await remote.redeliver("evt_1", { processor: "b" }))
      .toEqual({ id: "evt_1", count: 1, processors: ["b"], open: [] });
    expect(await remote.redeliver("evt_1", {}))
      .toEqual({ id: "evt_1", count: 0, processors: [], open: ["a", "b"] });
    expect(await storage.countDead({})).toBe(0);
  });

  test("redrive, within a limit", async () => {
    const { storage, remote } = await filled(setUp());
    expect(await remote.redrive({ limit: 1, dry_run: false }))
      .toEqual({ count: 1, dry_run: false, remaining: 0 });
    expect(await storage.countDead({})).toBe(0);
  });

  test("reverify, from a cursor on", async () => {
    const { local, remote } = await filled(
      setUp({ secrets: [secret, "another secret of others"] }),
    );
    const { next_cursor } = await local.listRejections({ limit: 1 });
    expect(await remote.reverify({ cursor: next_cursor ?? undefined })).toEqual({
      checked: 2,
      accepted: 2,
      duplicates: 0,
      left: 0,
      complete: true,
      next_cursor: null,
    });
    expect((await local.listRejections(page)).data.map(({ id }) => id)).toEqual(["rej_1"]);
  });

  test("expect", async () => {
    const { storage, remote } = await filled(setUp());
    const request = { job_id: "job_7", pattern_id: "pat_7", deadline_s: 60 };
    expect(await remote.expect(request)).toEqual({ job_id: "job_7", state: "waiting" });
    expect(await remote.expect({ ...request, job_id: "job 1/ü" })).toMatchObject({
      state: "fulfilled",
    });
    const { expectations } = await storage.expectations.list(page);
    expect(expectations.map(({ jobId, patternId }) => [jobId, patternId]))
      .toEqual([["job_late", null], ["job_7", "pat_7"]]);
  });

  test("drain", async () => {
    const { remote } = await filled(setUp({ role: "all", worker: { pollMs: 3_600_000 } }));
    await remote.redrive({ dry_run: false });
    const done = await remote.drain({ budget_ms: 2_000 });
    expect(Object.keys(done)).toEqual(["succeeded", "retry", "dead", "released", "lost"]);
    expect((await remote.stats()).backlog).toBe(0);
  });
});

test("operationsOverHttp() says that there is no admin API", async () => {
  const { remote } = setUp({ plugins: [] });
  await expect(remote.stats()).rejects.toMatchObject({ name: "ServerError", code: "no_admin" });
});

test("operationsOverHttp() takes the token to no other server", async () => {
  const reached: string[] = [];
  const other = await listen({
    async fetch(request) {
      reached.push(request.url);
      return await Promise.resolve(Response.json({}));
    },
  }, { hostname: "127.0.0.1", port: 0 });
  const target = `http://127.0.0.1:${other.port}/`;
  const leading = await listen(
    {
      fetch: () =>
        Promise.resolve(new Response(null, { status: 307, headers: { Location: target } })),
    },
    { hostname: "127.0.0.1", port: 0 },
  );
  onTestFinished(async () => {
    await Promise.all([other.close(), leading.close()]);
  });
  const { stats, expect: expectJob } = operationsOverHttp({
    url: `http://127.0.0.1:${leading.port}`,
    token,
  });
  for (const call of [stats(), expectJob({ job_id: "job_1", deadline_s: 1 })]) {
    await expect(call).rejects.toThrow(/a redirect to http:\/\/127\.0\.0\.1:\d+, which is not/);
  }
  expect(reached).toEqual([]);
});
