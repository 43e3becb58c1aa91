import * as api from "@opentelemetry/api";
import { openTelemetry } from "imggo-webhooks/open-telemetry";
import { expect, test, vi } from "vitest";
import { counters, gauges, histograms } from "../../src/metrics/catalogue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { registerSdk } from "../support/registered-sdk.ts";
import { success } from "../support/wire.ts";

const prefix = "imggo_webhooks_";

test("openTelemetry() measures under the names and with the labels of /metrics", async () => {
  const { collect } = registerSdk();
  const { send } = setUp({ plugins: [openTelemetry(api)], processors: { invoices() {} } });
  await send(success);
  await send(success);
  await send({ event: "evil", job_id: "j-1" });
  await vi.waitUntil(async () => {
    const points = (await collect()).get(`${prefix}delivery_duration_seconds`);
    return points !== undefined && points.length > 0;
  });
  const metrics = await collect();
  expect([...metrics.keys()].sort())
    .toEqual([counters, histograms, gauges].flatMap((each) => Object.keys(each)).sort());
  const points = (name: string) => metrics.get(prefix + name) ?? [];
  expect(points("requests_total")).toHaveLength(14);
  expect(points("requests_total"))
    .toContainEqual(expect.objectContaining({
      attributes: { status: "200", code: "duplicate" },
      value: 1,
    }));
  const events = points("events_total").filter(({ value }) => value === 1);
  expect(events.map(({ attributes }) => attributes["event"]).sort())
    .toEqual(["job.succeeded", "other"]);
  const deliveries = points("deliveries_total").filter(({ value }) => value === 1);
  expect(deliveries.map(({ attributes }) => attributes))
    .toEqual([{ processor: "invoices", outcome: "succeeded" }]);
  const [{ value: durations } = { value: {} }] = points("delivery_duration_seconds");
  expect(durations).toMatchObject({
    count: 1,
    buckets: { boundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] },
  });
  expect(points("storage_up")).toMatchObject([{ value: 1 }]);
});

test("openTelemetry() asks the storage at most every 5 s, and only where there is a reader", async () => {
  let counted = 0;
  const start = () =>
    setUp({
      plugins: [openTelemetry(api)],
      faulty: (storage) => ({
        stats() {
          counted++;
          return storage.stats();
        },
      }),
    });
  // Made without an SDK, it stays silent with one.
  start();
  const { collect } = registerSdk();
  expect(await collect()).toEqual(new Map());
  expect(counted).toBe(0);

  const { send } = start();
  vi.useFakeTimers({ toFake: ["performance"] });
  const quarantined = async () => (await collect()).get(`${prefix}quarantined`)?.[0]?.value;
  expect(await quarantined()).toBe(0);
  await send("not an event");
  vi.advanceTimersByTime(4_999);
  expect(await quarantined()).toBe(0);
  expect(counted).toBe(1);
  vi.advanceTimersByTime(2);
  expect(await quarantined()).toBe(1);
  expect(counted).toBe(2);
});

test("openTelemetry() makes its instruments once, however many receivers it is plugged into", async () => {
  const { collect } = registerSdk();
  const created = vi.spyOn(api.metrics, "getMeter");
  const plugin = openTelemetry(api);
  for (let count = 1; count <= 3; count++) {
    await setUp({ plugins: [plugin] }).send("not an event");
  }
  expect(created).toHaveBeenCalledTimes(1);
  const metrics = await collect();
  // Of the storage that was opened last.
  expect(metrics.get(`${prefix}quarantined`)).toMatchObject([{ value: 1 }]);
  expect(metrics.get(`${prefix}events_total`))
    .toContainEqual(expect.objectContaining({
      attributes: { event: "other", origin: "webhook" },
      value: 3,
    }));
});
