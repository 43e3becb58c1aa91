import { describe, expect, test } from "vitest";
import { anId } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { signedRequest } from "../support/signed-request.ts";
import { dialects, sampleJob, success, toBytes } from "../support/wire.ts";

describe("an event", () => {
  for (const [name, dialect] of Object.entries(dialects)) {
    for (const outcome of ["succeeded", "failed"] as const) {
      test(`fetch() stores a job that ${outcome} in the dialect ${name}, then answers 200`, async () => {
        const { send, storage } = setUp({ processors: { b: () => {}, a: () => {} } });
        const payload = dialect[outcome](sampleJob);
        const before = Date.now();
        const { status, headers, body } = await send(payload);
        expect(status).toBe(200);
        expect(body).toEqual({ status: "received", id: anId });
        expect(headers.get("Content-Type")).toMatch(/^application\/json/);
        expect(headers.get("X-Request-Id")).toBeTruthy();

        const id = body["id"] as string;
        const stored = await storage.get(id);
        expect(stored).toMatchObject({
          id,
          state: "accepted",
          event: `job.${outcome}`,
          jobId: sampleJob.job_id,
          patternId: sampleJob.pattern_id,
          duplicates: 0,
        });
        expect(stored?.deliveries.map(({ processor }) => processor)).toEqual(["a", "b"]);
        expect(stored?.receivedAt).toBeGreaterThanOrEqual(before);
        expect(stored?.receivedAt).toBeLessThanOrEqual(Date.now());
        expect(await storage.body(id)).toEqual(toBytes(payload));
      });
    }
  }

  test("fetch() keeps a body byte by byte: order, spaces, line ends, repeated keys, numbers", async () => {
    const { send, storage } = setUp();
    const body = '\ufeff{\r\n\t"event":"job.succeeded","job_id":"a","job_id":"b",' +
      '"result":{"n":1.0,"m":1e2,"s":"\\ud800\\u00e4ä"}}\r\n';
    const { body: answer } = await send(body);
    expect(answer).toMatchObject({ status: "received" });
    expect(await storage.body(answer["id"] as string)).toEqual(toBytes(body));
  });

  test("fetch() needs no Content-Type and no User-Agent", async () => {
    const { send } = setUp();
    expect(await send(success, { "Content-Type": "text/plain", "User-Agent": "" }))
      .toMatchObject({ status: 200 });
  });

  test("fetch() stores what is signed though it is not a job's end, and hands it to nobody", async () => {
    const { send, storage } = setUp({ processors: { a: () => {} } });
    const { status, body } = await send({ event: "job.queued", job_id: "j-1" });
    expect(status).toBe(200);
    expect(body).toEqual({ status: "ignored", id: anId });
    const stored = await storage.get(body["id"] as string);
    expect(stored).toMatchObject({ state: "ignored", event: "job.queued", jobId: "j-1" });
    expect(stored?.deliveries).toEqual([]);
  });

  test("fetch() needs no this", async () => {
    const { receiver: { fetch } } = setUp();
    expect((await fetch.call(undefined, await signedRequest(success))).status).toBe(200);
  });
});

describe("X-Request-Id", () => {
  for (const given of ["r", "req-1.2:3_4", "0af7651916cd43dd8448eb211c80319c", "x".repeat(128)]) {
    test(`fetch() keeps the one that came: ${given.slice(0, 40)}`, async () => {
      const { send, log } = setUp();
      const { headers } = await send(success, { "X-Request-Id": given });
      expect(headers.get("X-Request-Id")).toBe(given);
      expect(log.of("event received")).toMatchObject([{ request_id: given }]);
    });
  }

  for (const given of ["", "a b", "x".repeat(129), "<script>", '"quoted"', "ä", "a,b"]) {
    test(`fetch() makes one in place of ${JSON.stringify(given.slice(0, 20))}`, async () => {
      const { send, log } = setUp();
      const { headers } = await send(success, { "X-Request-Id": given });
      const made = headers.get("X-Request-Id");
      expect(made).toMatch(/^[\w-]{8,}$/);
      expect(made).not.toBe(given);
      expect(log.of("event received")).toMatchObject([{ request_id: made }]);
    });
  }

  test("fetch() makes another one for each request, and for refused ones too", async () => {
    const { receiver } = setUp();
    const ids = await Promise.all(["", "healthz", "webhook", "nowhere"].map(async (path) => {
      const response = await receiver.fetch(new Request(`http://localhost/${path}`));
      return response.headers.get("X-Request-Id");
    }));
    expect(new Set(ids).size).toBe(4);
    expect(ids).not.toContain(null);
  });
});
