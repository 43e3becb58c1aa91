import { createImgGoClient, eventOfJob } from "imggo-webhooks/imggo";
import { verifySignature } from "imggo-webhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createSender, dealFates } from "../support/imggo-sender.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";
import { type Sink, startSink } from "../support/sink.ts";
import { flatWithResult, toBytes } from "../support/wire.ts";

let service: ImgGoService;
let sink: Sink;
let status = 204;
beforeEach(async () => {
  status = 204;
  service = await startImgGoService();
  sink = await startSink(() => status);
});
afterEach(() => Promise.all([service.close(), sink.close()]));

const client = () => createImgGoClient({ ...service, requestsPerMinute: 100 });

describe("the stand-in's sender", () => {
  test("sends a job's end once, signed, to who has registered for it", async () => {
    await client().webhooks.create({ url: sink.url, events: ["job.succeeded"] });
    service.addWebhook({ url: `${sink.url}failed`, events: ["job.failed"] });
    service.addWebhook({ url: `${sink.url}inactive`, active: false });
    const sender = createSender(service, { dialect: flatWithResult });
    const job = service.addJob();
    await sender.succeed(job, { total: 1 });
    const [request, ...others] = sink.requests;
    expect(others).toEqual([]);
    expect(JSON.parse(request?.body ?? "")).toMatchObject({ job_id: job.id, result: { total: 1 } });
    const signature = String(request?.headers["x-imggo-signature"]);
    await verifySignature(toBytes(request?.body), signature, service.webhooks[0]?.secret ?? "");
    expect(sender.sent).toMatchObject([{ jobId: job.id, event: "job.succeeded", outcome: 204 }]);
    expect(eventOfJob(await client().jobs.get(job.id))?.data).toMatchObject({
      result: { total: 1 },
    });
  });

  test("sends nothing again that was refused, and nobody answers for", async () => {
    status = 503;
    service.addWebhook({ url: sink.url });
    service.addWebhook({ url: "http://127.0.0.1:9/" });
    const sender = createSender(service);
    await sender.fail(service.addJob());
    expect(sender.sent.map(({ outcome }) => outcome).sort()).toEqual([503, "lost"]);
    expect(sink.requests).toHaveLength(1);
  });

  test("loses, doubles and fails first as it is dealt, and the jobs all succeed", async () => {
    service.addWebhook({ url: sink.url });
    const fates = dealFates(200, { dropped: 0.3, doubled: 0.1, failedFirst: 0.05 });
    expect(fates).toEqual(dealFates(200, { dropped: 0.3, doubled: 0.1, failedFirst: 0.05 }));
    const jobs = fates.map(() => service.addJob());
    const sender = createSender(service, {
      fateOf: (job) =>
        fates[jobs.indexOf(job)] ?? { dropped: false, doubled: false, failedFirst: false },
    });
    for (const job of jobs) await sender.succeed(job);
    const count = (event: string) => sender.sent.filter((each) => each.event === event).length;
    const doubled = fates.filter((fate) => fate.doubled && !fate.dropped).length;
    expect(fates.filter(({ dropped }) => dropped)).toHaveLength(60);
    expect(fates.filter(({ doubled }) => doubled)).toHaveLength(20);
    expect(count("job.failed")).toBe(10);
    expect(count("job.succeeded")).toBe(140 + doubled);
    expect(service.jobs.every((job) => job.status === "succeeded")).toBe(true);
  });
});

describe("the stand-in's limits", () => {
  test.each([{}, { tells: "Retry-After" }, { tells: "X-RateLimit-Reset" }] as const)(
    "say when they end: %j",
    async (tells) => {
      service.limits = { perMinute: 2, ...tells };
      const { webhooks } = createImgGoClient({
        ...service,
        requestsPerMinute: 100,
        deadlineMs: 5_000,
      });
      await webhooks.list();
      await webhooks.list();
      const error = await webhooks.list().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "RATE_LIMITED", status: 429 });
      const { retryAfterMs } = error as { retryAfterMs: number };
      expect(retryAfterMs).toBeGreaterThan(50_000);
      expect(retryAfterMs).toBeLessThanOrEqual(62_000);
    },
  );
});
