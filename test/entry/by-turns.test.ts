import { WebhookError } from "imggo-webhooks";
import { expect, test } from "vitest";
import { byTurns } from "../../src/entry/listen/by-turns.ts";

const limits = { maxBytes: 10, timeoutMs: 1_000 };

/** Receives by turns; what happened is told in order. */
function setUp() {
  const happened: string[] = [];
  const receive = byTurns(async ({ header, body }) => {
    const name = header("name");
    const bytes = await body(limits);
    happened.push(`${name} has ${bytes.byteLength}`);
    await null;
    happened.push(`${name} goes on`);
    return { status: 200, headers: {}, body: `${name}` };
  });
  const request = (name: string, read: () => Promise<number>) =>
    receive({
      header: () => name,
      async body(given) {
        expect(given).toBe(limits);
        const size = await read();
        happened.push(`${name} is read`);
        return new Uint8Array(size);
      },
    });
  return { happened, request };
}

test("byTurns() takes each step for all the bodies of a turn, once all of them are there", async () => {
  const { happened, request } = setUp();
  const answers = await Promise.all([
    request("a", () => Promise.resolve(1)),
    request("b", async () => await Promise.resolve(2)),
  ]);
  expect(answers.map(({ body }) => body)).toEqual(["a", "b"]);
  expect(happened).toEqual([
    ...["a is read", "b is read"],
    ...["a has 1", "b has 2"],
    ...["a goes on", "b goes on"],
  ]);
});

test("byTurns() lets a body that fails fail alone", async () => {
  const { happened, request } = setUp();
  const answers = await Promise.allSettled([
    request("a", () => Promise.reject(new WebhookError("body_timeout"))),
    request("b", () => Promise.resolve(2)),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  expect(happened).toEqual(["b is read", "b has 2", "b goes on"]);
});
