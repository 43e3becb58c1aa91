import { describe, expect, test } from "vitest";
import { anId, expectRefusal } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { success, toBytes } from "../support/wire.ts";

describe("a payload that is not understood", () => {
  const invalidJson: Record<string, Uint8Array | string> = {
    "not JSON": "{'event':'job.succeeded'}\r\n",
    "not UTF-8": Uint8Array.of(0x7b, 0xff, 0x7d),
    "empty": "",
  };
  for (const [kind, payload] of Object.entries(invalidJson)) {
    test(`fetch() keeps a signed body that is ${kind}, and answers 400 with its id`, async () => {
      const { send, storage, log } = setUp({ processors: { a: () => {} } });
      const answer = await send(payload);
      expectRefusal(answer, 400, "invalid_json", { id: anId });
      const id = answer.body["id"] as string;
      expect(await storage.get(id)).toMatchObject({
        state: "quarantined",
        event: null,
        jobId: null,
        deliveries: [],
      });
      expect(await storage.body(id))
        .toEqual(typeof payload === "string" ? toBytes(payload) : payload);
      expect(log.of("quarantined")).toMatchObject([{ level: "warn", id, code: "invalid_json" }]);

      expectRefusal(await send(payload), 400, "invalid_json", { id });
      expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
    });
  }

  test("fetch() keeps signed JSON of another shape, and answers 422 with its id and issues", async () => {
    const { send, storage, log } = setUp({ processors: { a: () => {} } });
    const payload = ' {"event":"job.succeeded","data":{"job_id":"","result":"canary"}}\n';
    const answer = await send(payload);
    expectRefusal(answer, 422, "invalid_payload", {
      id: anId,
      issues: [{ path: "data.job_id", message: expect.stringMatching(/^expected /) }],
    });
    const id = answer.body["id"] as string;
    expect(await storage.get(id)).toMatchObject({ state: "quarantined", deliveries: [] });
    expect(await storage.body(id)).toEqual(toBytes(payload));
    expect(log.of("quarantined")).toMatchObject([{ level: "warn", id, code: "invalid_payload" }]);

    expectRefusal(await send(payload), 422, "invalid_payload", {
      id,
      issues: answer.body["issues"],
    });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test("fetch() keeps two bodies that differ in a byte apart", async () => {
    const { send } = setUp();
    const { body: { id } } = await send("{");
    expect((await send("{ ")).body["id"]).not.toBe(id);
  });

  test("fetch() stores an event after a quarantined one of the same job", async () => {
    const { send } = setUp();
    await send({ ...success, pattern_id: 7 });
    expect((await send(success)).body["status"]).toBe("received");
  });
});
