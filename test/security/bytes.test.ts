import type { WebhookEvent } from "imggo-webhooks";
import { sign } from "imggo-webhooks";
import { describe, expect, test } from "vitest";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { secret, webhookUrl } from "../support/signed-request.ts";
import { toBytes } from "../support/wire.ts";

const post = (body: Uint8Array<ArrayBuffer>, signature: string) =>
  new Request(webhookUrl, { method: "POST", body, headers: { "X-ImgGo-Signature": signature } });

function flipped(bytes: Uint8Array<ArrayBuffer>, bit: number): Uint8Array<ArrayBuffer> {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

describe("a check computed but not enforced", () => {
  const body = toBytes('{"event":"job.failed","job_id":"j"}');

  test("fetch() stores nothing with any one bit of the signature flipped", async () => {
    const { receiver, accepted } = setUp({ rejections: false });
    const hex = (await sign(body, secret)).slice("sha256=".length);
    for (let bit = 0; bit < 256; bit++) {
      const mac = flipped(new Uint8Array(Buffer.from(hex, "hex")), bit);
      const { status } = await receiver.fetch(post(body, Buffer.from(mac).toString("hex")));
      expect(status, `bit ${bit}`).toBe(401);
    }
    expect(accepted).toEqual([]);
  });

  test("fetch() stores nothing with any one bit of the body flipped", async () => {
    const { receiver, accepted } = setUp({ rejections: false });
    const signature = await sign(body, secret);
    for (let bit = 0; bit < body.length * 8; bit++) {
      const { status } = await receiver.fetch(post(flipped(body, bit), signature));
      expect(status, `bit ${bit}`).toBe(401);
    }
    expect(accepted).toEqual([]);
    expect((await receiver.fetch(post(body, signature))).status).toBe(200);
  });
});

describe("lossy decoding", () => {
  const wire = (jobId: string, result: string) =>
    `{"event":"job.succeeded","job_id":"${jobId}","result":${result}}`;
  const bodies: Readonly<Record<string, readonly [Uint8Array<ArrayBuffer>, status: number]>> = {
    "7B FF 7D": [Uint8Array.of(0x7b, 0xff, 0x7d), 400],
    "a byte order mark": [toBytes(`\ufeff${wire("bom", "1")}`), 200],
    "CR LF": [toBytes(`${wire("crlf", "1")}\r\n`), 200],
    "escaped lone surrogates": [toBytes(wire("lone", '"\\ud800 \\udfff"')), 200],
    "a lone surrogate as bytes": [Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 400],
    "1.0": [toBytes(wire("number", "1.0")), 200],
    "1 beside 1.0": [toBytes(wire("another number", "1")), 200],
    "repeated keys": [toBytes(wire('repeated","job_id":"again', '1,"result":2')), 200],
    "text that is not in normal form": [toBytes(wire("form", '"e\u0301 \u00e9"')), 200],
  };

  for (const [kind, [bytes, status]] of Object.entries(bodies)) {
    test(`fetch() keeps the bytes of ${kind} as they came`, async () => {
      const { receiver, storage } = setUp();
      const response = await receiver.fetch(post(bytes, await sign(bytes, secret)));
      expect(response.status).toBe(status);
      const { id } = await response.json() as { readonly id: string };
      expect(await storage.body(id)).toEqual(bytes);
    });
  }
});

describe("a crash by one request", () => {
  const deep = `${"[".repeat(100_000)}1${"]".repeat(100_000)}`;
  const bombs: Readonly<Record<string, string>> = {
    "that is 100,000 deep": `{"event":"job.succeeded","job_id":"bomb","result":${deep}}`,
    "with keys __proto__ and constructor":
      '{"event":"job.succeeded","job_id":"bomb","__proto__":{"polluted":1},"result":' +
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
    "of 80,000 keys": `{"event":"job.succeeded","job_id":"bomb","result":{${
      Array.from({ length: 80_000 }, (_, index) => `"k${index}":0`).join()
    }}}`,
  };

  for (const [kind, body] of Object.entries(bombs)) {
    test(`a receiver takes and processes JSON ${kind}, and the next one`, async () => {
      const processed = createQueue<WebhookEvent>();
      const { send } = setUp({ processors: { a: (event) => processed.push(event) } });
      expect((await send(body)).status).toBe(200);
      expect((await processed.next()).data.job_id).toBe("bomb");
      expect((await send('{"event":"job.failed","job_id":"next"}')).status).toBe(200);
      expect((await processed.next()).data.job_id).toBe("next");
      expect({}).not.toHaveProperty("polluted");
    });
  }
});
