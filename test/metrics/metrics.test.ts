import { PermanentError, RetryLater } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test, vi } from "vitest";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { setUpMetered } from "../support/metered-receiver.ts";
import { parseExposition } from "../support/parse-exposition.ts";
import { signedRequest, webhookUrl } from "../support/signed-request.ts";
import { failure, nested, sampleJob, success } from "../support/wire.ts";

const prefix = "imggo_webhooks_";

test("answerMetrics() tells every series of the processors before anything has happened", async () => {
  const { scrape } = setUpMetered({ processors: { invoices() {}, "to books": () => {} } });
  const { families } = await scrape();
  const counts = [...families].map(([name, { type, samples }]) => [
    name.replace(prefix, ""),
    type,
    samples.length,
  ]);
  expect(counts).toEqual([
    ["requests", "counter", 14],
    ["events", "counter", 6],
    ["duplicates", "counter", 1],
    ["rejected", "counter", 9],
    ["deliveries", "counter", 10],
    ["accept_duration_seconds", "histogram", 15],
    ["delivery_duration_seconds", "histogram", 30],
    ["storage_up", "gauge", 1],
    ["backlog", "gauge", 1],
    ["oldest_pending_seconds", "gauge", 1],
    ["dead", "gauge", 1],
    ["quarantined", "gauge", 1],
    ["overdue", "gauge", 1],
    ["rejections", "gauge", 1],
    ["spooled", "gauge", 1],
  ]);
  const others = [...families].filter(([name]) => name !== `${prefix}storage_up`);
  const values = others.flatMap(([, { samples }]) => samples.map(({ value }) => value));
  expect(new Set(values)).toEqual(new Set([0]));
  expect([...families.values()].map(({ unit }) => unit).filter(Boolean)).toHaveLength(3);
});

test("answerMetrics() counts requests, events, duplicates and what was refused", async () => {
  const { send, receiver, scrape } = setUpMetered();
  await send(success);
  await send(success);
  await send(failure);
  await send({ event: "job.started", job_id: "j-1" });
  await send({ nothing: "known" });
  await receiver.fetch(await signedRequest(success, { secret: "another secret, a wrong one" }));
  await receiver.fetch(new Request(webhookUrl, { method: "POST", body: "{}" }));
  await receiver.fetch(new Request(webhookUrl));
  await receiver.fetch(new Request("http://localhost/healthz"));
  const { value } = await scrape();
  const requests = (status: string, code: string) =>
    value(`${prefix}requests_total`, { status, code });
  expect(requests("200", "received")).toBe(2);
  expect(requests("200", "duplicate")).toBe(1);
  expect(requests("200", "ignored")).toBe(1);
  expect(requests("422", "invalid_payload")).toBe(1);
  expect(requests("401", "invalid_signature")).toBe(1);
  expect(requests("401", "missing_signature")).toBe(1);
  expect(requests("405", "method_not_allowed")).toBe(1);
  const events = (event: string) => value(`${prefix}events_total`, { event, origin: "webhook" });
  expect([events("job.succeeded"), events("job.failed"), events("other")]).toEqual([1, 1, 2]);
  expect(value(`${prefix}duplicates_total`)).toBe(1);
  expect(value(`${prefix}rejected_total`, { code: "invalid_signature" })).toBe(1);
  // Kept, so not refused for good.
  expect(value(`${prefix}rejected_total`, { code: "invalid_payload" })).toBeUndefined();
  expect(value(`${prefix}accept_duration_seconds_count`)).toBe(5);
  expect(value(`${prefix}quarantined`)).toBe(1);
  expect(value(`${prefix}last_event_age_seconds`)).toBeLessThan(5);
});

test("answerMetrics() counts attempts by processor and outcome, and how long they took", async () => {
  const { send, receiver, scrape } = setUpMetered({
    processors: {
      good() {},
      bad() {
        throw new PermanentError("no");
      },
      later() {
        throw new RetryLater(60_000);
      },
    },
  });
  await send(success);
  await vi.waitUntil(async () => {
    const { value } = await scrape();
    return value(`${prefix}deliveries_total`, { processor: "later", outcome: "retry" }) === 1;
  });
  await receiver.drain();
  const { value } = await scrape();
  const ended = (processor: string, outcome: string) =>
    value(`${prefix}deliveries_total`, { processor, outcome });
  expect([ended("good", "succeeded"), ended("good", "retry")]).toEqual([1, 0]);
  expect([ended("bad", "dead"), ended("later", "retry")]).toEqual([1, 1]);
  expect(value(`${prefix}delivery_duration_seconds_count`, { processor: "bad" })).toBe(1);
  expect([value(`${prefix}dead`), value(`${prefix}backlog`)]).toEqual([1, 1]);
});

test("answerMetrics() tells ages by the storage's times, and what is overdue", async () => {
  const ago = 3_600_000;
  const storage = memoryStorage({ now: () => Date.now() - ago });
  const { receiver, send, scrape } = setUpMetered({
    storage,
    processors: { invoices() {} },
    role: "receiver",
  });
  await send(nested.succeeded({ ...sampleJob, job_id: "j-1" }));
  await receiver.expect("j-2", { deadlineMs: 0 });
  const { value } = await scrape();
  expect(value(`${prefix}oldest_pending_seconds`)).toBeGreaterThanOrEqual(ago / 1_000);
  expect([value(`${prefix}backlog`), value(`${prefix}overdue`)]).toEqual([1, 1]);
});

describe("answerMetrics() where the storage", () => {
  test("fails tells what was counted, and that it is down", async () => {
    const { scrape } = setUpMetered({
      faulty: () => ({
        stats() {
          throw new Error("broken");
        },
      }),
    });
    const { value, families } = await scrape();
    expect(value(`${prefix}storage_up`)).toBe(0);
    expect(value(`${prefix}duplicates_total`)).toBe(0);
    expect(value(`${prefix}spooled`)).toBe(0);
    expect(families.has(`${prefix}backlog`)).toBe(false);
  });

  test("never answers does so after 4.5 s", async () => {
    const never = () => new Promise<never>(() => {});
    const { scrape } = setUpMetered({ faulty: () => ({ stats: never, ping: never }) });
    vi.useFakeTimers();
    const scraping = scrape();
    await vi.advanceTimersByTimeAsync(4_500);
    const { value } = await scraping;
    expect(value(`${prefix}storage_up`)).toBe(0);
    expect(value(`${prefix}spooled`)).toBeUndefined();
  });

  test("spools tells how many events", async () => {
    const { scrape } = setUpMetered({
      faulty: () => ({ ping: () => Promise.resolve({ spooling: true, spooled: 7 }) }),
    });
    expect((await scrape()).value(`${prefix}spooled`)).toBe(7);
  });

  test("spools and does not say how much leaves that out", async () => {
    const { scrape } = setUpMetered({
      faulty: () => ({ ping: () => Promise.resolve({ spooling: true }) }),
    });
    expect((await scrape()).value(`${prefix}spooled`)).toBeUndefined();
  });
});

test("answerMetrics() has no label that a stranger wrote, whatever requests hold", async () => {
  const { send, receiver, scrape } = setUpMetered({ processors: { invoices() {} } });
  const series = async () => {
    const { families } = await scrape();
    const all = [...families].flatMap(([, { samples }]) => samples);
    return all.map(({ name, labels }) => JSON.stringify([name, labels])).sort();
  };
  await send(success);
  const before = await series();
  const hostile = [
    "evil",
    'a"} 1\nforged 2',
    "__proto__",
    "constructor",
    "job.succeeded ",
    "é",
    "",
  ];
  for (const text of hostile) {
    await send({ event: text, job_id: text, pattern_id: text });
    const path = encodeURIComponent(text);
    for (const method of ["POST", "GET", "BREW"]) {
      const headers = { "X-ImgGo-Signature": path, "X-Request-Id": path, "Content-Encoding": path };
      for (const at of ["/webhook", `/${path}`, `/webhook?processor=${path}`]) {
        await receiver.fetch(new Request(new URL(at, webhookUrl), { method, headers }));
      }
    }
  }
  expect(await series()).toEqual(before);
  expect((await scrape()).value(`${prefix}events_total`, { event: "other", origin: "webhook" }))
    .toBeGreaterThan(1);
});

test("createMetrics() counts on where one receiver follows another", async () => {
  const metrics = createMetrics();
  for (const job_id of ["j-1", "j-2"]) {
    await setUpMetered({ metrics }).send(nested.succeeded({ ...sampleJob, job_id }));
  }
  const { value } = await setUpMetered({ metrics }).scrape();
  expect(value(`${prefix}events_total`, { event: "job.succeeded", origin: "webhook" })).toBe(2);
});

test("render() escapes a label, and puts each time into the bucket that it fits", () => {
  const metrics = createMetrics();
  const processor = 'a"b\\n\nc';
  for (const durationMs of [0, 10, 10.1, 3_600_000]) {
    metrics.observer.attempted({ processor, result: "succeeded", durationMs });
  }
  metrics.observer.attempted({ processor, result: "dead" });
  const text = metrics.render({}, [processor], "openmetrics");
  const samples = parseExposition(text, "openmetrics")
    .get(`${prefix}delivery_duration_seconds`)?.samples ?? [];
  expect(samples.every(({ labels }) => labels["processor"] === processor)).toBe(true);
  expect(samples.map(({ value }) => value)).toEqual([2, ...Array(11).fill(3), 4, 4, 3600.0201]);
});
