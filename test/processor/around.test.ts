import {
  filter,
  handlers,
  map,
  type Processor,
  transactional,
  type WebhookEvent,
} from "imggo-webhooks";
import { parseManifest } from "imggo-webhooks/manifest";
import { expect, expectTypeOf, test } from "vitest";
import * as v from "valibot";
import { canonical, contextOf } from "../support/processor-input.ts";
import { nested, sampleJob } from "../support/wire.ts";

const context = contextOf();

const succeeded = canonical(nested.succeeded(sampleJob));
const failed = canonical(nested.failed(sampleJob));

const fail = (): never => {
  throw new Error("no");
};
const run = async (processor: Processor, event: WebhookEvent) => await processor(event, context);

test("filter() hands on what it keeps, with the context, and waits for both", async () => {
  const calls: unknown[] = [];
  const kept = filter(
    async ({ event }, given) => await Promise.resolve(given === context && event === "job.failed"),
    async (...all) => {
      await Promise.resolve();
      calls.push(all);
    },
  );
  await run(kept, succeeded);
  expect(calls).toEqual([]);
  await run(kept, failed);
  expect(calls).toEqual([[failed, context]]);
});

test("filter() and map() fail as what they are made of", async () => {
  await expect(run(filter(fail, () => {}), failed)).rejects.toThrow("no");
  await expect(run(filter(() => true, fail), failed)).rejects.toThrow("no");
  await expect(run(map(fail, () => {}), failed)).rejects.toThrow("no");
  await expect(run(map(() => 1, fail), failed)).rejects.toThrow("no");
});

test("filter() and map() run in the transaction of what they are around, and in none of their own", () => {
  const inside = transactional(() => {});
  for (const around of [filter(() => true, inside), map((event) => event, inside)]) {
    expect(around.transactional).toBe(true);
  }
  expect(filter(() => true, () => {})).not.toHaveProperty("transactional");
  expect(map((event) => event, () => {})).not.toHaveProperty("transactional");
});

test("map() hands on what it made, with the context", async () => {
  const calls: unknown[] = [];
  const ids = map(async ({ data }) => await Promise.resolve(data.job_id), (id, given) => {
    expectTypeOf(id).toBeString();
    calls.push(id, given);
  });
  await run(ids, succeeded);
  expect(calls).toEqual([sampleJob.job_id, context]);
});

test("map(parseManifest) lets a schema check what a text says", async () => {
  const totals: number[] = [];
  const processor = map(
    parseManifest,
    handlers({
      patterns: { [sampleJob.pattern_id]: v.object({ total: v.number() }) },
      "job.succeeded": ({ data }) => totals.push(data.result.total),
    }),
  );
  const result = { _raw: "total: 12.5\n", _format: "yaml" };
  await run(processor, canonical(nested.succeeded({ ...sampleJob, result })));
  expect(totals).toEqual([12.5]);
});
