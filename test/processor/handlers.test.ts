import {
  type Handlers,
  handlers,
  type JobFailedEvent,
  type JobSucceededEvent,
  type ProcessorContext,
} from "imggo-webhooks";
import { expect, expectTypeOf, test } from "vitest";
import { canonical, contextOf } from "../support/processor-input.ts";
import { nested, sampleJob } from "../support/wire.ts";

const context = contextOf();

const succeeded = canonical(nested.succeeded(sampleJob));
const failed = canonical(nested.failed(sampleJob));

test("handlers() hands each kind of event to its own function, with the context", async () => {
  const calls: unknown[] = [];
  const processor = handlers({
    "job.succeeded": (event, given) => calls.push(["succeeded", event, given]),
    "job.failed": (event, given) => calls.push(["failed", event, given]),
  });
  await processor(succeeded, context);
  await processor(failed, context);
  expect(calls).toEqual([["succeeded", succeeded, context], ["failed", failed, context]]);
});

test("handlers() narrows the event's type for each function", () => {
  handlers({
    "job.succeeded": (event, given) => {
      expectTypeOf(event).toEqualTypeOf<JobSucceededEvent>();
      expectTypeOf(event.data.result).toBeUnknown();
      expectTypeOf(event.data.status).toEqualTypeOf<"succeeded">();
      expectTypeOf(given).toEqualTypeOf<ProcessorContext>();
    },
    "job.failed": (event) => {
      expectTypeOf(event).toEqualTypeOf<JobFailedEvent>();
      expectTypeOf(event.data.error.message).toBeString();
      expectTypeOf(event.data.status).toEqualTypeOf<"failed">();
    },
  });
});

test("handlers() is done at once with a kind of event that has no function", async () => {
  const calls: string[] = [];
  const onlyFailures = handlers({ "job.failed": () => calls.push("failed") });
  expect(await onlyFailures(succeeded, context)).toBeUndefined();
  expect(calls).toEqual([]);
  expect(await handlers({})(failed, context)).toBeUndefined();
});

test("handlers() waits for a function, and fails as it fails", async () => {
  const processor = handlers({
    "job.succeeded": async () => {
      await Promise.resolve();
      throw new Error("database is down");
    },
  });
  await expect(Promise.resolve(processor(succeeded, context))).rejects.toThrow("database is down");
});

for (const name of ["job.completed", "job.queued", "succeeded", "toString"]) {
  test(`handlers() refuses a function for ${name}, and names what it expects`, () => {
    const unknown = { [name]: () => {} } as Handlers;
    expect(() => handlers(unknown)).toThrow(TypeError);
    expect(() => handlers(unknown)).toThrow(
      `handlers() expects functions for job.succeeded and job.failed, got "${name}"`,
    );
  });
}

test("handlers() refuses what is no function", () => {
  const wrong = { "job.succeeded": "save" } as unknown as Handlers;
  expect(() => handlers(wrong)).toThrow(TypeError);
});
