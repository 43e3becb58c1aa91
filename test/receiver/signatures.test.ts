import { createReceiver, type ReceiverOptions, sign, type VerifiedBytes } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test, vi } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { secret, signedRequest, webhookUrl } from "../support/signed-request.ts";
import { success } from "../support/wire.ts";

describe("a signature", () => {
  const body = JSON.stringify(success);
  const post = (headers: Record<string, string>) =>
    new Request(webhookUrl, { method: "POST", body, headers });

  test("fetch() accepts either form and case of the signature, and either secret", async () => {
    const previous = "the secret before this one";
    const { receiver } = setUp({ secrets: [previous] });
    const body = JSON.stringify(success);
    for (const signer of [secret, previous]) {
      const signature = await sign(body, signer);
      const bare = signature.slice("sha256=".length);
      for (const form of [signature, bare, bare.toUpperCase(), `sha256=${bare.toUpperCase()}`]) {
        const headers = { "X-ImgGo-Signature": form };
        const response = await receiver.fetch(
          new Request(webhookUrl, { method: "POST", body, headers }),
        );
        expect(response.status).toBe(200);
      }
    }
  });

  test("fetch() refuses a request without a signature, and stores nothing", async () => {
    const { receiver, accepted } = setUp();
    for (const headers of [{}, { "X-ImgGo-Signature": "" }, { "X-Hub-Signature-256": "x" }]) {
      const answer = await readAnswer(
        await receiver.fetch(post({ ...headers } as Record<string, string>)),
      );
      expectRefusal(answer, 401, "missing_signature");
    }
    expect(accepted).toEqual([]);
  });

  test("fetch() refuses malformed and wrong signatures, and stores nothing", async () => {
    const { receiver, accepted } = setUp();
    const right = await sign(body, secret);
    const hex = right.slice("sha256=".length);
    const headers = [
      await sign(body, "another secret of somebody"),
      await sign(`${body} `, secret),
      hex.slice(0, 62),
      `${hex}00`,
      `sha1=${hex.slice(0, 40)}`,
      `SHA256=${hex}`,
      `${right}, ${right}`,
      "sha256=",
      "a".repeat(10_240),
    ];
    for (const header of headers) {
      const answer = await readAnswer(await receiver.fetch(post({ "X-ImgGo-Signature": header })));
      expectRefusal(answer, 401, "invalid_signature");
    }
    expect(accepted).toEqual([]);
  });

  test("fetch() refuses two signature headers, even with the right one among them", async () => {
    const { receiver, accepted } = setUp();
    const request = post({});
    request.headers.append("X-ImgGo-Signature", `sha256=${"0".repeat(64)}`);
    request.headers.append("X-ImgGo-Signature", await sign(body, secret));
    expectRefusal(await readAnswer(await receiver.fetch(request)), 401, "invalid_signature");
    expect(accepted).toEqual([]);
  });

  test("fetch() parses nothing and asks no option before the signature is checked", async () => {
    const dedupeKey = vi.fn(() => "key");
    const { receiver } = setUp({ dedupeKey });
    // Reads what the storage awaits, once.
    receiver.start();
    const forged = post({ "X-ImgGo-Signature": await sign(body, "another secret of somebody") });
    const parse = vi.spyOn(JSON, "parse");
    const response = await receiver.fetch(forged);
    expect(parse).not.toHaveBeenCalled();
    expect(dedupeKey).not.toHaveBeenCalled();
    expect(response.status).toBe(401);
    // What was watched is what a valid request goes through.
    await receiver.fetch(await signedRequest(success));
    expect(parse).toHaveBeenCalled();
    expect(dedupeKey).toHaveBeenCalled();
  });

  test("a storage accepts no bytes that were not verified: they have another type", () => {
    const unverified = new Uint8Array(0);
    // @ts-expect-error Only `verifySignature()` makes verified bytes.
    const body: VerifiedBytes = unverified;
    expect(body).toBe(unverified);
  });
});

describe("a secret", () => {
  const storage = memoryStorage();

  test("createReceiver() refuses to go without a secret", () => {
    for (const options of [{ storage }, { storage, secrets: [] }]) {
      expect(() => createReceiver(options)).toThrow(TypeError);
      expect(() => createReceiver(options)).toThrow(/^createReceiver\(\): secret: expected/);
    }
  });

  for (const weak of ["", "                ", "canary-15-chars", "canary-canary-canary\n"]) {
    test(`createReceiver() refuses the secret ${JSON.stringify(weak)}, and does not repeat it`, () => {
      const variants: Partial<ReceiverOptions>[] = [
        { secret: weak },
        { secrets: [weak] },
        { secrets: [secret, weak] },
        { secret, secrets: [weak] },
      ];
      for (const options of variants) {
        const create = () => createReceiver({ storage, ...options });
        expect(create).toThrow(TypeError);
        expect(create).toThrow(/expected (?!.*canary)/s);
      }
    });
  }
});
