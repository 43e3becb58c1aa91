import {
  createReceiver,
  handlers,
  type JobSucceededEvent,
  type ProcessorContext,
  type StandardIssue,
  type StandardSchema,
  type WebhookEvent,
} from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { secret, signedRequest } from "../support/signed-request.ts";
import { canonical, contextOf } from "../support/processor-input.ts";
import { nested, sampleJob } from "../support/wire.ts";

const context = contextOf();

const Invoice = v.object({
  number: v.string(),
  total: v.pipe(v.number(), v.minValue(0)),
  due: v.optional(v.pipe(v.string(), v.transform((text) => new Date(text)))),
});
const Receipt = z.object({ shop: z.string(), lines: z.array(z.object({ sku: z.string() })) });
const Menu = type({ dishes: type({ name: "string", price: "number > 0" }).array() });
const patterns = { pat_invoice: Invoice, pat_receipt: Receipt, pat_menu: Menu };

function succeeded(pattern_id: string | null, result: unknown): WebhookEvent {
  const wire = nested.succeeded({ ...sampleJob, pattern_id: pattern_id ?? "", result });
  return canonical(wire);
}

const secretText = "canary of the payload";

describe("handlers({ patterns })", () => {
  test("knows the type of a result by its pattern", () => {
    handlers({
      patterns,
      "job.succeeded": ({ event, data, timestamp }, given) => {
        expectTypeOf(given).toEqualTypeOf<ProcessorContext>();
        expectTypeOf(event).toEqualTypeOf<"job.succeeded">();
        expectTypeOf(timestamp).toBeString();
        expectTypeOf(data.job_id).toBeString();
        expectTypeOf(data.pattern_id)
          .toEqualTypeOf<"pat_invoice" | "pat_receipt" | "pat_menu">();
        if (data.pattern_id === "pat_invoice") {
          expectTypeOf(data.result).toEqualTypeOf<v.InferOutput<typeof Invoice>>();
          expectTypeOf(data.result.due).toEqualTypeOf<Date | undefined>();
        } else if (data.pattern_id === "pat_receipt") {
          expectTypeOf(data.result).toEqualTypeOf<z.output<typeof Receipt>>();
        } else {
          expectTypeOf(data.result.dishes).toEqualTypeOf<{ name: string; price: number }[]>();
        }
      },
      onMismatch: (event, given, issues) => {
        expectTypeOf(event).toEqualTypeOf<JobSucceededEvent>();
        expectTypeOf(event.data.result).toBeUnknown();
        expectTypeOf(given).toEqualTypeOf<ProcessorContext>();
        expectTypeOf(issues).toEqualTypeOf<readonly StandardIssue[]>();
      },
    });
    handlers({
      patterns: { pat_invoice: Invoice },
      // @ts-expect-error -- a total is a number
      "job.succeeded": ({ data }) => data.result.total.toUpperCase(),
    });
    const wrong = () =>
      // @ts-expect-error -- a function that makes schemas is none
      handlers({ patterns: { pat_invoice: v.object } });
    expect(wrong).toThrow(TypeError);
    expectTypeOf(Invoice).toExtend<StandardSchema>();
    expectTypeOf(Receipt).toExtend<StandardSchema>();
    expectTypeOf(Menu).toExtend<StandardSchema>();
  });

  test("hands on what the schema makes of a result, and leaves the rest as it is", async () => {
    const calls: unknown[] = [];
    const processor = handlers({
      patterns,
      "job.succeeded": (event, given) => {
        calls.push(event, given);
      },
    });
    const event = succeeded("pat_invoice", { number: "7", total: 1, due: "2026-01-31", more: 1 });
    await processor(event, context);
    const result = { number: "7", total: 1, due: new Date("2026-01-31") };
    expect(calls).toEqual([{ ...event, data: { ...event.data, result } }, context]);
    expect(event.data["result"]).toHaveProperty("more");
    await processor(succeeded("pat_receipt", { shop: "Bäcker", lines: [] }), context);
    expect(calls[2]).toMatchObject({ data: { pattern_id: "pat_receipt" } });
  });

  const mismatches = [
    [
      "pat_invoice",
      { total: secretText },
      'The result does not fit: number: expected "number"; total: expected number',
    ],
    ["pat_invoice", { number: "7", total: -4711 }, "The result does not fit: total: expected >=0"],
    ["pat_invoice", null, "The result does not fit: expected Object"],
    [
      "pat_receipt",
      { shop: "", lines: [{ sku: "a" }, { sku: [secretText] }] },
      "The result does not fit: lines.1.sku: expected string",
    ],
    ["pat_menu", null, "The result does not fit: expected an object"],
    [
      "pat_menu",
      { dishes: [{ name: "Soup", price: -4711 }, { name: [secretText], price: 1 }] },
      "The result does not fit: dishes.0.price: expected positive; " +
      "dishes.1.name: expected a string",
    ],
    [
      "pat_other",
      {},
      "The result does not fit: expected a pattern that handlers() has a schema for",
    ],
    [
      "toString",
      {},
      "The result does not fit: expected a pattern that handlers() has a schema for",
    ],
    [null, {}, "The result does not fit: expected a pattern that handlers() has a schema for"],
  ] as const;
  for (const [pattern, result, message] of mismatches) {
    test(`of ${pattern} ends with "${message}"`, async () => {
      const calls: unknown[] = [];
      const processor = handlers({ patterns, "job.succeeded": () => calls.push("called") });
      const error = await Promise.resolve(processor(succeeded(pattern, result), context))
        .catch((error) => error);
      expect(error).toMatchObject({ name: "PermanentError", message });
      expect(calls).toEqual([]);
    });
  }

  test("lists ten issues at the most, and no more of a path or a word than fits a line", async () => {
    const long = v.pipe(v.string(), v.picklist(["x".repeat(500)]));
    const many = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`${index}\n${"k".repeat(200)}`, long]),
    );
    const processor = handlers({ patterns: { p: v.object(many) } });
    const values = Object.fromEntries(Object.keys(many).map((key) => [key, secretText]));
    const { message } = await Promise.resolve(processor(succeeded("p", values), context))
      .catch((error) => error) as Error;
    expect(message).toMatch(/; and 2 more$/);
    expect(message.length).toBeLessThan(2_000);
    expect(message).not.toContain("\n");
    expect(message).not.toContain(secretText);
  });

  test("gives what does not fit to onMismatch, as it came, and that decides", async () => {
    const calls: unknown[] = [];
    const processor = handlers({
      patterns,
      "job.succeeded": () => calls.push("called"),
      onMismatch: (event, given, issues) => {
        calls.push(event.data.result, given, issues.map(({ path }) => path));
        if (event.data.pattern_id === null) throw new Error("without a pattern");
      },
    });
    const result = { shop: 1, lines: [] };
    await processor(succeeded("pat_receipt", result), context);
    expect(calls).toEqual([result, context, [["shop"]]]);
    await expect(Promise.resolve(processor(succeeded(null, 1), context)))
      .rejects.toThrow("without a pattern");
  });

  test("takes a schema that answers later, and one that is a function", async () => {
    const later = Object.assign(() => {}, {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: async (value: unknown) => await Promise.resolve({ value: [value] }),
      },
    });
    const results: unknown[] = [];
    const processor = handlers({
      patterns: { p: later },
      "job.succeeded": ({ data }) => {
        results.push(data.result);
      },
    });
    await processor(succeeded("p", 1), context);
    expect(results).toEqual([[1]]);
  });

  test("refuses what is no schema, and onMismatch without patterns", () => {
    expect(() => handlers({ patterns: { p: { parse() {} } } } as never)).toThrow(
      'handlers() expects a schema of valibot, zod, arktype or another Standard Schema for the pattern "p"',
    );
    const byId = "handlers() expects patterns to be schemas by the ids of their patterns";
    expect(() => handlers({ patterns: 1 } as never)).toThrow(byId);
    expect(() => handlers({ patterns: {} })).toThrow(byId);
    expect(() => handlers({ onMismatch: () => {} })).toThrow('got "onMismatch"');
  });

  test("makes a delivery dead at once, and a redrive after a fix delivers it", async () => {
    const storage = memoryStorage();
    const results: unknown[] = [];
    const receiverOf = (total: StandardSchema) =>
      createReceiver({
        secret,
        storage,
        role: "receiver",
        processors: {
          invoices: handlers({
            patterns: { "pat-1": total },
            "job.succeeded": ({ data }) => results.push(data.result),
          }),
        },
      });
    const wire = nested.succeeded({ ...sampleJob, pattern_id: "pat-1", result: secretText });
    const first = receiverOf(v.number());
    const { id } = await (await first.fetch(await signedRequest(wire))).json();
    await first.drain();
    await first.stop();
    const delivery = async () => (await storage.get(id))?.deliveries[0];
    expect(await delivery()).toMatchObject({ state: "dead", attempts: 1 });
    expect((await delivery())?.lastError)
      .toBe("PermanentError: The result does not fit: expected number");

    const fixed = receiverOf(v.string());
    expect(await storage.redrive({ limit: 10 })).toBe(1);
    await fixed.drain();
    await fixed.stop();
    expect(await delivery()).toMatchObject({ state: "succeeded" });
    expect(results).toEqual([secretText]);
  });
});
