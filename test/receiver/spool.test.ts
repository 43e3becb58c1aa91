import { describe, expect, test, vi } from "vitest";
import { readAnswer } from "../support/answer.ts";
import { createGate } from "../support/gate.ts";
import { setUp as setUpReceiver } from "../support/receiver-under-test.ts";
import { signedRequest, streamedRequest } from "../support/signed-request.ts";
import { setUp as setUpSpool, type SpoolUnderTest } from "../support/spool-under-test.ts";
import { nested, sampleJob, success, toBytes } from "../support/wire.ts";

const readyz = () => new Request("http://localhost/readyz");
const requestOf = (job: number) =>
  signedRequest(nested.succeeded({ ...sampleJob, job_id: `job-${job}` }));

async function setUp(): Promise<SpoolUnderTest & ReturnType<typeof setUpReceiver>> {
  const spool = await setUpSpool();
  return { ...spool, ...setUpReceiver({ storage: spool.storage }), log: spool.log };
}

describe("a receiver over a storage with a spool", () => {
  test("fetch() answers 100 requests 200 within 5 s while the storage hangs", async () => {
    const { receiver, broken, allMoved, stored } = await setUp();
    broken.is("hangs");
    const requests = await Promise.all(Array.from({ length: 100 }, (_, job) => requestOf(job)));
    const ids = await Promise.all(requests.map(async (request, index) => {
      // Some come when it has shown already that it hangs.
      if (index % 2 > 0) await new Promise((resolve) => setTimeout(resolve, index * 30));
      const startedAt = performance.now();
      const { status, body } = await readAnswer(await receiver.fetch(request));
      expect(performance.now() - startedAt).toBeLessThan(4_500);
      expect([status, body["status"]]).toEqual([200, "received"]);
      return body["id"];
    }));
    broken.is("works");
    await allMoved();
    expect((await stored()).sort()).toEqual(ids.sort());
  });

  test(
    "fetch() answers every request 200 while the storage goes and comes, and stores each once",
    async () => {
      const { receiver, broken, allMoved, primary } = await setUp();
      const answers: number[] = [];
      const acknowledged = new Map<string, unknown>();
      let over = false;
      let job = 0;
      const sender = async () => {
        while (!over) {
          const number = job++;
          const response = await receiver.fetch(await requestOf(number));
          answers.push(response.status);
          acknowledged.set(`job-${number}`, (await response.json()).id);
        }
      };
      const senders = Array.from({ length: 16 }, sender);
      for (const condition of ["rejects", "works", "half", "works", "hangs", "works"] as const) {
        broken.is(condition);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      over = true;
      await Promise.all(senders);
      await allMoved();
      expect(new Set(answers)).toEqual(new Set([200]));
      const { events } = await primary.list({ limit: 100_000 });
      expect(new Map(events.map(({ id, jobId }) => [jobId, id]))).toEqual(acknowledged);
      expect(events).toHaveLength(acknowledged.size);
      expect(events.filter(({ duplicates }) => duplicates > 0)).toEqual([]);
    },
    30_000,
  );

  test("fetch() stores an event whose body took 3.9 s while the storage hangs", async () => {
    const { receiver, broken, allMoved, stored } = await setUp();
    broken.is("hangs");
    const { open, opened } = createGate();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await opened;
        controller.enqueue(toBytes(success));
        controller.close();
      },
    });
    const request = await streamedRequest(success, body);
    const startedAt = performance.now();
    const answering = receiver.fetch(request);
    setTimeout(open, 3_900);
    const { status, body: answer } = await readAnswer(await answering);
    expect(status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(4_500);
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual([answer["id"]]);
  });

  test("GET /readyz tells of spooling, and is ready while the storage hangs", async () => {
    const { receiver, broken, allMoved, send } = await setUp();
    const ready = async () => await readAnswer(await receiver.fetch(readyz()));
    expect(await ready()).toMatchObject({ status: 200, body: { status: "ready" } });
    expect((await ready()).body).not.toHaveProperty("spooling");
    broken.is("hangs");
    // Before the first event has shown it.
    expect(await ready()).toMatchObject({ status: 200, body: { status: "ready", spooling: true } });
    expect((await send(success)).status).toBe(200);
    expect(await ready()).toMatchObject({ status: 200, body: { status: "ready", spooling: true } });
    broken.is("works");
    await allMoved();
    expect((await ready()).body).toEqual({ status: "ready" });
  });

  test("GET /readyz answers 503, and so does the webhook, where the spool fails too", async () => {
    const refuse = () => Promise.reject(new Error("canary"));
    const spool = await setUpSpool({ faulty: () => ({ accept: refuse, ping: refuse }) });
    const { receiver, send } = setUpReceiver({ storage: spool.storage });
    spool.broken.is("rejects");
    const answer = await send(success);
    expect(answer).toMatchObject({ status: 503, body: { code: "storage_unavailable" } });
    expect(JSON.stringify(answer.body)).not.toContain("canary");
    expect((await receiver.fetch(readyz())).status).toBe(503);
    spool.broken.is("works");
    expect((await send(success)).status).toBe(200);
  });

  test("a processor gets what was spooled, once", async () => {
    const spool = await setUpSpool();
    const seen: string[] = [];
    const { send } = setUpReceiver({
      storage: spool.storage,
      processors: { invoices: (_event, { id }) => void seen.push(id) },
      worker: { pollMs: 50 },
    });
    spool.broken.is("rejects");
    const ids: unknown[] = [];
    for (let job = 0; job < 5; job++) {
      ids.push((await send(nested.succeeded({ ...sampleJob, job_id: `${job}` }))).body["id"]);
    }
    expect(seen).toEqual([]);
    spool.broken.is("works");
    await vi.waitFor(() => expect(seen).toHaveLength(5), 10_000);
    expect(seen.sort()).toEqual(ids.sort());
  });
});
