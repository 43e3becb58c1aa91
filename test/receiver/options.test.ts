import { createReceiver, type ReceiverOptions } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import { secret } from "../support/signed-request.ts";

const fit = { secret, storage: memoryStorage() };
const create = (options: Record<string, unknown>) =>
  createReceiver({ ...fit, ...options } as unknown as ReceiverOptions);

const unfit: readonly [what: string, options: Record<string, unknown>, expected: string][] = [
  ["no storage", { storage: undefined }, "storage: expected a storage"],
  ["null for a storage", { storage: null }, "storage: expected a storage"],
  ["a URL for a storage", { storage: "memory:" }, "storage: expected a storage"],
  ["a function for a storage", { storage: memoryStorage }, "storage: expected a storage"],
  ["null for processors", { processors: null }, "processors: expected an object"],
  ["a list of processors", { processors: [() => {}] }, "processors: expected an object"],
  ["a function for processors", { processors: () => {} }, "processors: expected an object"],
  ["a processor that is a number", { processors: { a: 3 } }, "processors.a: expected a function"],
  ["a nameless processor", { processors: { "": () => {} } }, 'processors."": expected a name'],
  ["a dedupeKey that is a number", { dedupeKey: 3 }, "dedupeKey: expected a function"],
  ["a dedupeKey that is null", { dedupeKey: null }, "dedupeKey: expected a function"],
  ["a secretKey that is text", { secretKey: "sha256" }, "secretKey: expected a function"],
  ["a URL for notify", { notify: "https://queue" }, "notify: expected a function"],
  ["an undefined secret", { secrets: [secret, undefined] }, "secrets: expected "],
  ["a secret that is a number", { secrets: [secret, 3] }, "secrets: expected "],
  ["no bytes of a body", { maxBodyBytes: 0 }, "maxBodyBytes: expected a whole number"],
  ["half a byte of a body", { maxBodyBytes: 1.5 }, "maxBodyBytes: expected a whole number"],
  ["a key for a client", { imggo: "key" }, "imggo: expected a client"],
  ["true for rejections", { rejections: true }, "rejections: expected an object, or false"],
  ["a number for a rate", { rejections: { rate: 5 } }, "rejections.rate: expected what"],
  ["no rejection at all", { rejections: { maxCount: 0 } }, "rejections.maxCount: expected a whole"],
  ["an unknown role", { role: "boss" }, "role: expected one of all, receiver, worker"],
  ["a number for a worker", { worker: 5 }, "worker: expected an object"],
  ["null for a worker", { worker: null }, "worker: expected an object"],
  ["a worker's unfit option", { worker: { leaseMs: "30000" } }, "worker.leaseMs: expected "],
];
for (const [what, options, expected] of unfit) {
  test(`createReceiver() refuses ${what}, and names the option`, () => {
    expect(() => create(options)).toThrow(TypeError);
    expect(() => create(options)).toThrow(`createReceiver(): ${expected}`);
  });
}

test("createReceiver() takes options that are undefined as not given", () => {
  const names = ["secrets", "processors", "path", "basePath", "maxBodyBytes", "dedupeKey"];
  const given = [...names, "role", "worker", "notify", "imggo", "rejections", "logger"].map((
    name,
  ) => [name, undefined]);
  expect(() => create(Object.fromEntries(given))).not.toThrow();
});
