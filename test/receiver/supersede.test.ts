import { describe, expect, test } from "vitest";
import { setUp } from "../support/receiver-under-test.ts";
import { failure, success } from "../support/wire.ts";

describe("both ends of a job", () => {
  for (const order of [[failure, success], [success, failure]]) {
    const names = order.map(({ event }) => event).join(", then ");
    test(`fetch() lets the success have the last word: ${names}`, async () => {
      const done: string[] = [];
      const { send, storage, receiver } = setUp({
        role: "receiver",
        processors: { a: ({ event }) => done.push(event) },
      });
      const ids: Record<string, string> = {};
      for (const payload of order) {
        const { status, body } = await send(payload);
        expect(status).toBe(200);
        expect(body["status"]).toBe("received");
        ids[payload["event"] as string] = body["id"] as string;
      }
      const states = await Promise.all(
        ["job.succeeded", "job.failed"].map(async (name) => (await storage.get(ids[name]!))?.state),
      );
      expect(states).toEqual(["accepted", "superseded"]);
      await receiver.drain();
      expect(done).toEqual(["job.succeeded"]);
    });
  }
});
