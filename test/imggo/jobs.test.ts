import fc from "fast-check";
import { parseEvent } from "imggo-webhooks";
import { createImgGoClient, eventOfJob, type Job } from "imggo-webhooks/imggo";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { firstVariants, otherVariants, type Variants } from "../support/imggo-answers.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";
import { answering, scriptedFetch } from "../support/scripted-fetch.ts";
import { flatWithManifest, flatWithResult, nested, toBytes } from "../support/wire.ts";

let service: ImgGoService;
let jobs: ReturnType<typeof createImgGoClient>["jobs"];
beforeAll(async () => {
  service = await startImgGoService();
});
afterAll(() => service.close());
beforeEach(() => {
  service.jobs.length = 0;
  service.variants = firstVariants;
  service.mayListJobs = true;
  jobs = createImgGoClient({ ...service, requestsPerMinute: 100 }).jobs;
});

const createdAt = "2026-01-15T10:29:42Z";
const endedAt = "2026-01-15T10:30:00Z";
const result = { total: 12.5, lines: [{ text: "Käse", price: "null" }] };
const error = { code: "invalid_image", message: "Image could not be read" };

/** The jobs of a client whose every request is answered with this. */
const answeredWith = (body: unknown, status = 200) =>
  createImgGoClient({ apiKey: "key", ...scriptedFetch(answering(status, body)) }).jobs;

const forms: Readonly<Record<string, Variants>> = {
  "the first forms": firstVariants,
  "the other forms": otherVariants,
  "a failed job that is no success": { ...firstVariants, failedJob: "no success" },
};

describe.each(Object.entries(forms))("with %s of answers", (_, variants) => {
  beforeEach(() => {
    service.variants = variants;
  });

  test.each(["queued", "running"] as const)("get() reads a job that is %s", async (status) => {
    const { id } = service.addJob({ status, createdAt });
    expect(await jobs.get(id)).toMatchObject({ jobId: id, status, createdAt });
    expect(eventOfJob(await jobs.get(id))).toBeUndefined();
  });

  test("get() reads a job that succeeded", async () => {
    const { id } = service.addJob({ status: "succeeded", result, createdAt, endedAt });
    const job = await jobs.get(id);
    expect(job).toMatchObject({
      jobId: id,
      patternId: "pat_invoices",
      status: "succeeded",
      result,
      createdAt,
      endedAt,
    });
    expect(job).not.toHaveProperty("error");
  });

  test("get() reads a job that failed", async () => {
    const { id } = service.addJob({ status: "failed", error, endedAt });
    const job = await jobs.get(id);
    expect(job).toMatchObject({ jobId: id, status: "failed", endedAt });
    expect(job.error?.message).toBe(error.message);
    expect(job).not.toHaveProperty("result");
  });

  test("list() reads a page of every kind of job, the newest first", async () => {
    for (const status of ["queued", "running", "succeeded", "failed"] as const) {
      service.addJob({ status, result, error: status === "failed" ? error : null });
    }
    const page = await jobs.list();
    expect(page).toMatchObject({ unreadable: 0, hasMore: false });
    expect(page.jobs.map(({ status }) => status))
      .toEqual(["failed", "succeeded", "running", "queued"]);
    expect(page.jobs[1]).toMatchObject({ result });
  });
});

describe("get()", () => {
  test("says that there is no such job", async () => {
    await expect(jobs.get("none")).rejects.toMatchObject({ code: "NOT_FOUND", status: 404 });
  });

  test("takes a failure that tells of a failed job as the job, whatever its status", async () => {
    const body = { success: false, error, data: { id: "j-1", status: "failed" } };
    for (const status of [200, 422, 500]) {
      expect(await answeredWith(body, status).get("j-1"))
        .toMatchObject({ status: "failed", error });
    }
  });

  test("takes a failure that tells of no failed job as a failure", async () => {
    for (
      const data of [null, {}, { id: "j-2", status: "failed" }, { id: "j-1", status: "queued" }]
    ) {
      const body = { success: false, error: { code: "BROKEN" }, data };
      await expect(answeredWith(body, 422).get("j-1")).rejects.toMatchObject({ code: "BROKEN" });
    }
  });

  test("does not take another job for the one that was asked for", async () => {
    const data = { id: "j-2", status: "succeeded", result };
    await expect(answeredWith({ success: true, data }).get("j-1"))
      .rejects.toThrow(/another job/);
    expect(await answeredWith({ data: { ...data, id: "row-1", job_id: "J-2" } }).get("j-2"))
      .toMatchObject({ jobId: "J-2" });
  });

  test.each([
    ["<html>", /expected JSON/],
    ["", /expected JSON/],
    [[], /expected `data`/],
    [{}, /expected `data`/],
    [{ data: [] }, /data: expected a job with its id and status/],
    [{ data: { id: "j-1" } }, /data: expected a job with its id and status/],
    [{ data: { id: "j-1", status: "canary" } }, /data: expected one of queued, running/],
    [{ data: { status: "queued" } }, /data: expected `id` or `job_id`/],
    [{ data: { id: {}, status: "queued" } }, /data: expected text of 1 to 255/],
    [{ data: { id: "j-1", status: "failed", error: ["canary"] } }, /data: expected the error/],
  ])("says what it expected instead of %j, and not what came", async (body, expected) => {
    const failure = answeredWith(body).get("j-1");
    await expect(failure).rejects.toMatchObject({ code: "unreadable_answer", status: 200 });
    await expect(failure).rejects.toThrow(expected);
    await expect(failure).rejects.not.toThrow(/canary/);
  });

  test("reads no more than 16 MiB", async () => {
    let sent = 0;
    const chunk = new Uint8Array(1_048_576).fill(0x20);
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sent++;
            controller.enqueue(chunk);
          },
        }),
      );
    const { jobs } = createImgGoClient({ apiKey: "key", ...scriptedFetch(endless) });
    await expect(jobs.get("j-1")).rejects.toThrow("at most 16777216 bytes");
    expect(sent).toBeLessThan(20);
  });
});

describe("list()", () => {
  test("asks for a page, a status and a pattern", async () => {
    service.addJob({ status: "failed", error, patternId: "pat_1" });
    const query = { page: 2, perPage: 10, status: "failed", patternId: "a&b=c" } as const;
    expect(await jobs.list(query)).toEqual({ jobs: [], unreadable: 0, hasMore: false });
    const search = new URLSearchParams(service.requests.at(-1)?.path.split("?")[1]);
    expect(Object.fromEntries(search)).toEqual({
      page: "2",
      per_page: "10",
      limit: "10",
      status: "failed",
      pattern_id: "a&b=c",
    });
  });

  test("goes through all pages, each job once", async () => {
    for (let count = 0; count < 25; count++) service.addJob();
    const seen: string[] = [];
    for (let page = 1, hasMore = true; hasMore; page++) {
      const found = await jobs.list({ page, perPage: 10 });
      seen.push(...found.jobs.map(({ jobId }) => jobId));
      hasMore = found.hasMore;
    }
    expect(seen).toEqual(service.jobs.map(({ id }) => id).reverse());
    expect(service.requests.at(-1)?.path).toContain("page=3");
  });

  test.each([
    [{ page: 1, total_pages: 2 }, true],
    [{ current_page: 1, last_page: 1 }, false],
    [{ has_more: true, total: 1, per_page: 10 }, true],
    [{ total: 11, limit: 10 }, true],
    [{ total: 10, per_page: 10 }, false],
    [{}, true],
    [undefined, true],
  ])("reads whether there is more from %j", async (pagination, hasMore) => {
    const job = { id: "j-1", status: "queued" };
    expect(await answeredWith({ data: { jobs: [job], pagination } }).list()).toMatchObject({
      hasMore,
    });
    expect(await answeredWith({ data: { data: [job] }, pagination }).list())
      .toMatchObject({ hasMore });
    expect(await answeredWith({ data: { jobs: [], pagination } }).list())
      .toMatchObject({ hasMore: false });
  });

  test("reads what it can of a page, and counts what it cannot", async () => {
    const data = [{ id: "j-1", status: "dreaming" }, null, { id: "j-2", status: "queued" }];
    expect(await answeredWith({ data: { data } }).list()).toMatchObject({
      jobs: [{ jobId: "j-2" }],
      unreadable: 2,
    });
  });

  test("takes a null for what a list leaves out: the job itself says whether it is one", async () => {
    const data = [
      { id: "j-1", status: "completed", manifest: null },
      { id: "j-2", status: "failed", error: null },
    ];
    const page = await answeredWith({ data: { data } }).list();
    expect(page.jobs.map((job) => eventOfJob(job))).toEqual([undefined, undefined]);
    const job = await answeredWith({ data: data[0] }).get("j-1");
    expect(eventOfJob(job)?.data).toMatchObject({ status: "succeeded", result: null });
  });

  test("is refused where the key may not list", async () => {
    service.mayListJobs = false;
    await expect(jobs.list()).rejects.toMatchObject({ status: 403, code: "FORBIDDEN" });
  });

  test.each([[{ page: 0 }], [{ page: 1.5 }], [{ perPage: 101 }], [{ perPage: 0 }]])(
    "refuses %j",
    async (query) => {
      await expect(jobs.list(query)).rejects.toThrow(/^Expected (?:page|perPage) to be a whole/);
    },
  );
});

describe("eventOfJob()", () => {
  const wire = {
    job_id: "6b1f3c2a-8d5e-4f0a-9c7b-2e1d0f9a8b7c",
    pattern_id: "pat_invoices",
    timestamp: endedAt,
    result,
    ...error,
  };

  /** The event of an answer to `GET /jobs/{id}`. */
  async function eventOf(data: Record<string, unknown>): Promise<unknown> {
    const id = String(data["job_id"] ?? data["id"]);
    return eventOfJob(await answeredWith({ success: true, data }).get(id));
  }

  /** The event of a webhook's body. */
  function parsed(body: unknown): unknown {
    const outcome = parseEvent(toBytes(body));
    return outcome.state === "accepted" ? outcome.event : outcome;
  }

  test("is the event that the webhook of the API's own reference becomes", async () => {
    for (const wireOf of [flatWithResult.succeeded, flatWithResult.failed]) {
      const { event: _, ...body } = wireOf(wire);
      expect(await eventOf(body)).toEqual(parsed(wireOf(wire)));
    }
  });

  test("tells the same of a job as the webhook in any dialect", async () => {
    const { job_id: id, pattern_id } = wire;
    const job = { id, pattern_id, status: "completed", manifest: result, error: null };
    const failed = { ...job, status: "failed", manifest: null, error: error.message };
    for (const dialect of [nested, flatWithManifest]) {
      const times = { completed_at: endedAt };
      const { event, data, timestamp } = parsed(dialect.succeeded(wire)) as Record<string, object>;
      expect(await eventOf({ ...job, ...times }))
        .toEqual({ event, data: { ...data, ...times }, timestamp });
      const failure = parsed(dialect.failed(wire)) as Record<string, object>;
      expect(await eventOf({ ...failed, failed_at: endedAt }))
        .toEqual({ ...failure, data: { ...failure["data"], failed_at: endedAt } });
    }
  });

  test("keeps any result and any further field as they are", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue({ maxDepth: 4 }),
        fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ maxDepth: 2 })),
        fc.constantFrom("manifest", "result"),
        async (value, extra, name) => {
          const known = ["id", "job_id", "pattern_id", "status", "result", "manifest", "error"];
          for (const each of [...known, "completed_at", "failed_at"]) delete extra[each];
          const data = { id: "j-1", status: "succeeded", [name]: value, ...extra };
          // As it comes over the wire: there is no -0.
          const { job_id: _, pattern_id: __, status: ___, result, ...rest } = JSON.parse(
            JSON.stringify((await eventOf(data) as { data: Record<string, unknown> }).data),
          );
          expect(result).toEqual(JSON.parse(JSON.stringify(value)));
          expect(rest).toEqual(JSON.parse(JSON.stringify(extra)));
        },
      ),
      { numRuns: 100 },
    );
  });

  test("takes the time of asking where ImgGo names none", () => {
    const job: Job = { jobId: "j-1", patternId: null, status: "succeeded", result, extra: {} };
    expect(eventOfJob(job, Date.parse(endedAt))?.timestamp).toBe("2026-01-15T10:30:00.000Z");
  });
});
