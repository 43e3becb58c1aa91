import { createReceiver, ReconcileError } from "imggo-webhooks";
import { createImgGoClient } from "imggo-webhooks/imggo";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, onTestFinished, test, vi } from "vitest";
import { createSender } from "../support/imggo-sender.ts";
import { setUp } from "../support/reconcile-under-test.ts";
import { scriptedFetch } from "../support/scripted-fetch.ts";
import { secret } from "../support/signed-request.ts";

const ended = { status: "succeeded", result: { total: 7 } } as const;
const none = { known: 0, stored: 0, duplicate: 0, running: 0, unknown: 0, failed: 0 };

test("reconcile() says of each named job what it is", async () => {
  const { receiver, service, storage } = await setUp();
  const known = service.addJob({ id: "known" });
  await createSender(service).succeed(known);
  service.addJob({ id: "missing", ...ended });
  service.addJob({ id: "running", status: "running" });
  const jobIds = ["known", "missing", "running", "nobody", "missing"];
  const { asked, counts, jobs } = await receiver.reconcile({ jobIds });
  expect(asked).toBe(3);
  expect(counts).toEqual({ ...none, known: 1, stored: 1, running: 1, unknown: 1 });
  const { events } = await storage.list({ limit: 9 });
  const idOf = (jobId: string) => events.find((event) => event.jobId === jobId)?.id;
  expect(jobs).toEqual([
    { jobId: "known", outcome: "known", asked: false, eventId: idOf("known") },
    { jobId: "missing", outcome: "stored", asked: true, eventId: idOf("missing") },
    { jobId: "running", outcome: "running", asked: true },
    { jobId: "nobody", outcome: "unknown", asked: true, error: expect.stringContaining("404") },
  ]);
  expect((await receiver.reconcile({ jobIds: ["missing"] })).counts).toEqual({ ...none, known: 1 });
});

test("reconcile() asks for what is due where nothing is named", async () => {
  const { receiver, service, advance, asked } = await setUp();
  for (const id of ["due", "later"]) service.addJob({ id, ...ended });
  await receiver.expect("due", { deadlineMs: 0 });
  await receiver.expect("later");
  advance(1);
  expect((await receiver.reconcile()).counts).toEqual({ ...none, stored: 1 });
  expect(asked()).toEqual(["/jobs/due"]);
});

test("reconcile() with dryRun stores nothing, changes nothing, and says what would be", async () => {
  const { receiver, service, storage, awaited } = await setUp();
  for (const id of ["one", "two"]) service.addJob({ id, ...ended });
  await receiver.expect("one", { deadlineMs: 0 });
  const before = await awaited();
  for (const options of [{ jobIds: ["one", "two"] }, { since: 0 }, {}]) {
    const { counts, jobs } = await receiver.reconcile({ ...options, dryRun: true });
    expect(counts.stored).toBe(jobs.length);
    expect(jobs.length).toBeGreaterThan(0);
    expect(jobs[0]).not.toHaveProperty("eventId");
  }
  expect((await storage.list({ limit: 9 })).events).toEqual([]);
  expect(await awaited()).toEqual(before);
});

test("reconcile() looks through a list no further than to its time", async () => {
  const { receiver, service, asked } = await setUp();
  const at = (day: number) => new Date(Date.UTC(2026, 0, 1 + day)).toISOString();
  for (let day = 0; day < 250; day++) {
    service.addJob({ id: `j-${day}`, ...ended, createdAt: at(day) });
  }
  const since = new Date(at(120));
  const { counts } = await receiver.reconcile({ since });
  expect(counts).toEqual({ ...none, stored: 130 });
  expect(asked()).toHaveLength(2);
});

test("reconcile() asks for a listed job alone where the list lacks its result", async () => {
  const { receiver, service, asked, processed } = await setUp();
  service.addJob({ id: "j-1", ...ended });
  const body = { success: true, data: { jobs: [{ id: "j-1", status: "succeeded" }] } };
  service.faults.push({ kind: { status: 200, body } }, {
    done: true,
    kind: {
      status: 200,
      body: { success: true, data: { id: "j-1", status: "succeeded", result: 1 } },
    },
  });
  const { asked: requests, counts } = await receiver.reconcile({ since: 0 });
  expect({ requests, counts }).toEqual({ requests: 1, counts: { ...none, stored: 1 } });
  expect(asked().filter((path) => path === "/jobs/j-1")).toHaveLength(1);
  await receiver.drain();
  expect(processed.items).toMatchObject([{ data: { result: 1 } }]);
});

test("reconcile() ends where no page of a list can be read", async () => {
  const { receiver, service, asked } = await setUp();
  const body = { success: true, data: { jobs: [{ id: "j-1", status: "cancelled" }] } };
  service.faults.push(...Array.from({ length: 20 }, () => ({ kind: { status: 200, body } })));
  const { counts, unreadable } = await receiver.reconcile({ since: 0 });
  expect({ counts, unreadable }).toEqual({ counts: none, unreadable: 10 });
  expect(asked()).toHaveLength(10);
});

test("reconcile() asks for as many as are named, at the rate of the free plan", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { fetch, requests } = scriptedFetch(({ url }) =>
    Response.json({
      success: true,
      data: { id: url.split("/").at(-1), status: "succeeded", result: 1 },
    })
  );
  const imggo = createImgGoClient({ apiKey: "key", fetch });
  const receiver = createReceiver({ secret, storage: memoryStorage(), imggo });
  const startedAt = performance.now();
  const jobIds = Array.from({ length: 12 }, (_, number) => `j-${number}`);
  const reconciling = receiver.reconcile({ jobIds, dryRun: true });
  await vi.advanceTimersByTimeAsync(121_000);
  expect((await reconciling).counts).toEqual({ ...none, stored: 12 });
  const minutes = requests.map(({ at }) => Math.floor((at - startedAt) / 60_000));
  expect(minutes).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]);
});

test("reconcile() ends where every page of a list is the same", async () => {
  const { receiver, service, asked } = await setUp();
  service.addJob({ id: "j-1", ...ended });
  const body = { success: true, data: { jobs: [{ id: "j-1", status: "succeeded", result: 1 }] } };
  service.faults.push(...Array.from({ length: 5 }, () => ({ kind: { status: 200, body } })));
  expect((await receiver.reconcile({ since: 0 })).counts).toEqual({ ...none, stored: 1 });
  expect(asked()).toHaveLength(2);
});

test("reconcile() gets a success whose failure before it was all that came", async () => {
  const { receiver, service, processed } = await setUp();
  const job = service.addJob();
  const sender = createSender(service, {
    fateOf: () => ({ dropped: true, doubled: false, failedFirst: true }),
  });
  await sender.succeed(job);
  expect((await receiver.reconcile({ since: 0 })).counts).toEqual({ ...none, stored: 1 });
  await receiver.drain();
  expect(processed.items.at(-1)).toMatchObject({ event: "job.succeeded" });
});

test("reconcile() says what to do where ImgGo does not list jobs", async () => {
  const { receiver, service } = await setUp();
  service.mayListJobs = false;
  const refused = receiver.reconcile({ since: new Date(0) });
  await expect(refused).rejects.toBeInstanceOf(ReconcileError);
  await expect(refused).rejects.toMatchObject({
    code: "list_refused",
    message: expect.stringContaining("Name the jobs that are missing"),
  });
});

test.each([401, 403, 503])("reconcile() sends no further request after a %i", async (status) => {
  const { receiver, service, asked } = await setUp({ deadlineMs: 500 });
  for (const id of ["a", "b", "c"]) service.addJob({ id, ...ended });
  const headers = { "Retry-After": "60" };
  service.faults.push(...Array.from({ length: 4 }, () => ({ kind: { status, headers } })));
  const { counts, asked: requests, jobs } = await receiver.reconcile({ jobIds: ["a", "b", "c"] });
  expect({ counts, requests }).toEqual({ counts: { ...none, failed: 3 }, requests: 1 });
  expect(asked()).toHaveLength(1);
  for (const { error } of jobs) expect(error).toContain(String(status));
});

test("reconcile() is broken off by its signal, and by stop()", async () => {
  const { receiver, service } = await setUp({ deadlineMs: 30_000 });
  service.addJob({ id: "a", ...ended });
  const reason = new Error("enough");
  await expect(receiver.reconcile({ jobIds: ["a"], signal: AbortSignal.abort(reason) }))
    .rejects.toBe(reason);
  const controller = new AbortController();
  service.faults.push({ kind: "hang" }, { kind: "hang" });
  const first = receiver.reconcile({ jobIds: ["a"], signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  await expect(first).rejects.toBe(reason);
  const second = receiver.reconcile({ since: 0 });
  setTimeout(() => void receiver.stop(), 100);
  await expect(second).rejects.toThrow("The receiver was stopped.");
});

test("reconcile() without a client says how to get one", async () => {
  const { reconcile } = createReceiver({ secret, storage: memoryStorage() });
  const refused = reconcile({ jobIds: ["a"] });
  await expect(refused).rejects.toBeInstanceOf(ReconcileError);
  await expect(refused).rejects.toMatchObject({
    code: "no_client",
    message: expect.stringContaining("IMGGO_API_KEY"),
  });
});

const unfit: readonly [what: string, options: object, expected: string][] = [
  ["one id for a list", { jobIds: "j-1" }, "jobIds: expected a list"],
  ["an empty id", { jobIds: [""] }, "jobIds: expected a list"],
  ["an invalid date", { since: new Date("nonsense") }, "since: expected a date"],
  ["a time as text", { since: "24h" }, "since: expected a date"],
];
test.each(unfit)("reconcile() refuses %s", async (_, options, expected) => {
  const { receiver } = await setUp();
  const refused = receiver.reconcile(options);
  await expect(refused).rejects.toBeInstanceOf(TypeError);
  await expect(refused).rejects.toThrow(`reconcile(): ${expected}`);
});
