import { createReceiver, type ReceiverOptions, type Storage } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createRejectionRate } from "../../src/rejections.ts";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { secret, signedRequest } from "../support/signed-request.ts";
import { nested, sampleJob, toBytes } from "../support/wire.ts";

const right = "the secret that is the right one";
const payloadOf = (job: number) => nested.succeeded({ ...sampleJob, job_id: `job-${job}` });
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const forged = (payload: unknown) => signedRequest(payload, { secret: "a secret of a forger" });

async function keptBy(storage: Storage) {
  return (await storage.rejections.list({ limit: 100_000 })).rejections;
}

function receiverWith(options: Partial<ReceiverOptions> & { readonly storage: Storage }) {
  const receiver = createReceiver({ secret: right, ...options });
  onTestFinished(() => receiver.stop());
  return receiver;
}

describe("a request whose signature is wrong", () => {
  test("is kept as it came, after the answer", async () => {
    const { receiver, storage } = setUp();
    const before = Date.now();
    const request = await signedRequest(payloadOf(1), { secret: right });
    const signature = request.headers.get("X-ImgGo-Signature")?.slice("sha256=".length);
    expectRefusal(await readAnswer(await receiver.fetch(request)), 401, "invalid_signature");
    await receiver.stop();
    const body = toBytes(payloadOf(1));
    const [kept, ...others] = await keptBy(storage);
    expect(others).toEqual([]);
    expect(kept).toEqual({
      id: expect.stringMatching(/^rej_[0-9a-z]{26}$/),
      receivedAt: expect.any(Number),
      signature,
      size: body.byteLength,
    });
    expect(kept!.receivedAt).toBeGreaterThanOrEqual(before);
    expect(kept!.receivedAt).toBeLessThanOrEqual(Date.now());
    expect(await storage.rejections.body(kept!.id)).toEqual(body);
  });

  test("is not kept where it is unsigned, malformed or too large, or nothing is to be kept", async () => {
    const { receiver, storage } = setUp({ maxBodyBytes: 1_000 });
    for (const signature of ["", "sha256=00", "nonsense"]) {
      await receiver.fetch(
        await signedRequest(payloadOf(1), { headers: { "X-ImgGo-Signature": signature } }),
      );
    }
    expect((await receiver.fetch(await forged("x".repeat(1_001)))).status).toBe(413);
    await receiver.stop();
    expect(await keptBy(storage)).toEqual([]);

    const never = setUp({ rejections: false });
    expect((await never.receiver.fetch(await forged(payloadOf(1)))).status).toBe(401);
    await never.receiver.stop();
    expect(await keptBy(never.storage)).toEqual([]);
  });

  test("does not keep its answer waiting, and is handed to waitUntil", async () => {
    const { opened, open } = createGate();
    const { receiver, storage } = setUp({
      faulty: ({ rejections }) => ({
        rejections: {
          ...rejections,
          add: async (...args) => {
            await opened;
            await rejections.add(...args);
          },
        },
      }),
    });
    const waited: Promise<unknown>[] = [];
    const context = { waitUntil: (promise: Promise<unknown>) => void waited.push(promise) };
    const response = await receiver.fetch(await forged(payloadOf(1)), {}, context);
    expect(response.status).toBe(401);
    expect(waited).toHaveLength(1);
    expect(await keptBy(storage)).toEqual([]);
    open();
    await Promise.all(waited);
    expect(await keptBy(storage)).toHaveLength(1);
  });

  test("is answered alike where the storage cannot keep it, which is logged once", async () => {
    for (
      const add of [
        () => Promise.reject(new Error("disk full")),
        () => {
          throw new Error("disk full");
        },
      ]
    ) {
      const { receiver, log } = setUp({
        faulty: ({ rejections }) => ({ rejections: { ...rejections, add } }),
      });
      for (const job of numbers(5)) {
        const response = await receiver.fetch(await forged(payloadOf(job)));
        expect(response.status).toBe(401);
      }
      await receiver.stop();
      expect(log.of("was not kept")).toMatchObject([{ level: "error", error: "Error: disk full" }]);
    }
  });

  test("is not kept beyond the rate: a flood costs the storage little, and good ones nothing", async () => {
    const { receiver, storage, accepted, log } = setUp();
    const statuses: number[] = [];
    const sending = numbers(2_000).map(async (job) => {
      const request =
        await (job % 10 === 0 ? signedRequest(payloadOf(job), { secret }) : forged(payloadOf(job)));
      const { status } = await receiver.fetch(request);
      if (job % 10 === 0) statuses.push(status);
      else expect(status).toBe(401);
    });
    await Promise.all(sending);
    expect(statuses).toEqual(Array.from({ length: 200 }, () => 200));
    expect(accepted).toHaveLength(200);
    await receiver.stop();
    const kept = await keptBy(storage);
    expect(kept.length).toBeGreaterThanOrEqual(200);
    expect(kept.length).toBeLessThan(210);
    expect(log.of("not every one is kept")).toHaveLength(1);
  });

  test("costs more of the rate where it is large", async () => {
    const { receiver, storage } = setUp();
    const body = "x".repeat(1_000_000);
    for (const _ of numbers(30)) await receiver.fetch(await forged(body));
    await receiver.stop();
    // 16 tokens each.
    expect(await keptBy(storage)).toHaveLength(12);
  });

  test("is kept within the limits that are set", async () => {
    const { receiver, storage } = setUp({ rejections: { maxCount: 3 } });
    for (const job of numbers(9)) await receiver.fetch(await forged(payloadOf(job)));
    await receiver.stop();
    expect(await keptBy(storage)).toHaveLength(3);
  });

  test("waits in bounded numbers for a storage that hangs", async () => {
    const add = vi.fn(() => new Promise<void>(() => {}));
    const { receiver, log } = setUp({
      rejections: { rate: { take: () => true } },
      faulty: ({ rejections }) => ({ rejections: { ...rejections, add } }),
    });
    const requests = await Promise.all(numbers(400).map((job) => forged(payloadOf(job))));
    await Promise.all(requests.map((request) => receiver.fetch(request)));
    await vi.waitFor(() => expect(add).toHaveBeenCalledTimes(4));
    expect(log.of("not every one is kept")).toHaveLength(1);
  });
});

describe("createRejectionRate()", () => {
  test("allows 200 at once", () => {
    const rate = createRejectionRate();
    expect(numbers(500).filter(() => rate.take(1))).toHaveLength(200);
  });
});

describe("reverify()", () => {
  test("takes 50 deliveries that came while the secret was wrong, at their own times", async () => {
    const storage = memoryStorage();
    const wrong = receiverWith({ storage, secret: "the secret that is the wrong one" });
    const requests = await Promise.all(
      numbers(50).map((job) => signedRequest(payloadOf(job), { secret: right })),
    );
    await Promise.all(requests.map((request) => wrong.fetch(request)));
    await wrong.fetch(await forged(payloadOf(99)));
    await wrong.stop();
    const times = new Map(
      (await keptBy(storage)).map(({ receivedAt, size }) => [receivedAt, size]),
    );
    expect(await keptBy(storage)).toHaveLength(51);
    await new Promise((resolve) => setTimeout(resolve, 20));

    const processed = createQueue<readonly [string, number]>();
    const receiver = receiverWith({
      storage,
      processors: {
        a: ({ data }, { receivedAt }) => processed.push([data.job_id, receivedAt.getTime()]),
      },
    });
    receiver.start();
    const progress: number[] = [];
    const onProgress = ({ checked }: { checked: number }) => progress.push(checked);
    expect(await receiver.reverify({ onProgress }))
      .toEqual({ checked: 51, accepted: 50, duplicates: 0, left: 1 });
    expect(progress).toEqual(numbers(52).slice(1));
    const all = await processed.take(50);
    expect(all.map(([job]) => job).sort()).toEqual(numbers(50).map((job) => `job-${job}`).sort());
    for (const [, receivedAt] of all) expect(times.has(receivedAt)).toBe(true);
    const { events } = await storage.list({ limit: 100 });
    expect(new Set(events.map(({ origin }) => origin))).toEqual(new Set(["webhook"]));
    expect(await keptBy(storage)).toHaveLength(1);
    expect(await receiver.reverify()).toEqual({ checked: 1, accepted: 0, duplicates: 0, left: 1 });
  });

  test("counts what was stored since as a duplicate, and what is not understood as accepted", async () => {
    const { receiver, storage } = setUp();
    const payloads = [payloadOf(1), payloadOf(1), "not JSON", { event: "job.queued" }];
    for (const payload of payloads) {
      await receiver.fetch(await signedRequest(payload, { secret: right }));
    }
    await receiver.stop();
    expect(await receiverWith({ storage }).reverify())
      .toEqual({ checked: 4, accepted: 3, duplicates: 1, left: 0 });
    expect(await keptBy(storage)).toEqual([]);
  });

  test("goes on where its budget ended, and checks each just once", async () => {
    const { receiver, storage } = setUp();
    for (const job of numbers(45)) {
      const signed = job % 3 === 0 ? forged(payloadOf(job)) : signedRequest(payloadOf(job), {
        secret: right,
      });
      await receiver.fetch(await signed);
    }
    await receiver.stop();
    const again = receiverWith({ storage });
    const first = await again.reverify({ budgetMs: 0 });
    expect(first).toEqual({
      checked: 5,
      accepted: expect.any(Number),
      duplicates: 0,
      left: expect.any(Number),
      nextCursor: expect.any(String),
    });
    const second = await again.reverify({ budgetMs: 0, cursor: first.nextCursor ?? "" });
    expect(second.checked).toBe(5);
    const last = await again.reverify({ cursor: second.nextCursor ?? "" });
    expect(last.checked).toBe(35);
    expect(last).not.toHaveProperty("nextCursor");
    expect(first.accepted + second.accepted + last.accepted).toBe(30);
    expect(await keptBy(storage)).toHaveLength(15);
  });

  test("can be broken off, by a failure too, and is finished by the next", async () => {
    const { receiver, storage } = setUp();
    for (const job of numbers(6)) {
      await receiver.fetch(await signedRequest(payloadOf(job), { secret: right }));
    }
    await receiver.stop();
    const controller = new AbortController();
    const reason = new Error("enough");
    const broken = receiverWith({ storage }).reverify({
      signal: controller.signal,
      onProgress: ({ checked }) => checked === 2 && controller.abort(reason),
    });
    await expect(broken).rejects.toBe(reason);
    expect(await keptBy(storage)).toHaveLength(4);

    let removals = 0;
    const rejections = {
      ...storage.rejections,
      remove: (id: string) =>
        ++removals > 1 ? Promise.reject(new Error("gone")) : storage.rejections.remove(id),
    };
    await expect(receiverWith({ storage: { ...storage, rejections } }).reverify())
      .rejects.toThrow("gone");
    // One was stored, and not yet forgotten.
    expect(await receiverWith({ storage }).reverify())
      .toEqual({ checked: 3, accepted: 2, duplicates: 1, left: 0 });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(6);
  });
});
