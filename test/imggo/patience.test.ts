import { createImgGoClient, type ImgGoClientOptions, ImgGoError } from "imggo-webhooks/imggo";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  answering,
  type Script,
  scriptedFetch,
  silent,
  unreachable,
} from "../support/scripted-fetch.ts";

const startedAt = Date.parse("2026-01-15T10:30:00Z");

beforeEach(() => {
  vi.useFakeTimers({
    now: startedAt,
    toFake: ["setTimeout", "clearTimeout", "Date", "performance"],
  });
  vi.spyOn(Math, "random").mockReturnValue(0.999);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const empty = answering(200, { success: true, data: [] });

function clientOf(scripts: readonly Script[], options: Partial<ImgGoClientOptions> = {}) {
  const { fetch, requests } = scriptedFetch(...scripts);
  const begin = performance.now();
  const client = createImgGoClient({ apiKey: "key", fetch, requestsPerMinute: 100, ...options });
  return { ...client, requests, times: () => requests.map(({ at }) => Math.round(at - begin)) };
}

/** What becomes of a promise while virtual time goes on, and how long it took. */
async function settled<T>(
  promise: Promise<T>,
): Promise<{ value?: T; error?: unknown; ms: number }> {
  const begin = performance.now();
  const outcome = promise.then(
    (value) => ({ value, ms: performance.now() - begin }),
    (error: unknown) => ({ error, ms: performance.now() - begin }),
  );
  await vi.advanceTimersByTimeAsync(300_000);
  return await outcome;
}

describe("a limit of ImgGo", () => {
  const soon = startedAt + 7_000;
  test.each([
    ["Retry-After in seconds", { "Retry-After": "7" }],
    ["Retry-After as a date", { "Retry-After": new Date(soon).toUTCString() }],
    ["X-RateLimit-Reset in seconds from now", { "X-RateLimit-Reset": "7" }],
    ["X-RateLimit-Reset in seconds since 1970", { "X-RateLimit-Reset": String(soon / 1_000) }],
    ["X-RateLimit-Reset in milliseconds since 1970", { "X-RateLimit-Reset": String(soon) }],
    ["X-RateLimit-Reset as a date", { "X-RateLimit-Reset": new Date(soon).toISOString() }],
    ["Retry-After before X-RateLimit-Reset", { "Retry-After": "7", "X-RateLimit-Reset": "55" }],
    ["a reset by ImgGo's own clock", {
      "X-RateLimit-Reset": String(soon / 1_000 + 3_600),
      "Date": new Date(startedAt + 3_600_000).toUTCString(),
    }],
  ])("is waited for: %s", async (_, headers) => {
    for (const status of [429, 503]) {
      vi.setSystemTime(startedAt);
      const { webhooks, times } = clientOf([answering(status, {}, headers), empty]);
      expect(await settled(webhooks.list())).toMatchObject({ value: [] });
      expect(times()).toEqual([0, 7_000]);
    }
  });

  test.each([{}, { "Retry-After": "soon" }, { "Retry-After": "-5" }, { "X-RateLimit-Reset": "" }])(
    "that says nothing of its end is waited for with backoff: %j",
    async (headers) => {
      const { webhooks, times } = clientOf([answering(429, {}, headers)]);
      const { error } = await settled(webhooks.list());
      expect(error).toMatchObject({ code: "rate_limited", status: 429 });
      expect(times()).toEqual([0, 250, 1_249, 5_245]);
    },
  );

  test("is not waited for beyond the deadline: the error says when to come again", async () => {
    const { webhooks, requests } = clientOf([answering(429, {}, { "Retry-After": "81" })]);
    const { error, ms } = await settled(webhooks.list());
    expect(ms).toBe(0);
    expect(error).toBeInstanceOf(ImgGoError);
    expect(error).toMatchObject({ code: "rate_limited", retryAfterMs: 81_000 });
    expect((error as Error).message).toBe(
      "ImgGo takes no more requests now; try again in 81 s (429).",
    );
    expect(requests).toHaveLength(1);
  });

  test("holds back the other requests of the client too", async () => {
    const { webhooks, times } = clientOf([answering(429, {}, { "Retry-After": "10" }), empty]);
    const first = webhooks.list();
    await vi.advanceTimersByTimeAsync(1);
    await settled(Promise.all([first, webhooks.list(), webhooks.list()]));
    expect(times()).toEqual([0, 10_000, 10_000, 10_000]);
  });
});

describe("a failure that passes", () => {
  test.each([
    ["a network that fails", unreachable, "network_error"],
    ["a 500", answering(500, { error: { code: "OOPS" } }), "OOPS"],
    ["a 502 of somebody else", answering(502, "<html>"), "server_error"],
  ])("is tried again a few times, with backoff: %s", async (_, script, code) => {
    const { webhooks, times } = clientOf([script]);
    expect((await settled(webhooks.list())).error).toMatchObject({ code });
    expect(times()).toEqual([0, 250, 1_249, 5_245]);
    const later = clientOf([script, script, empty]);
    expect((await settled(later.webhooks.list())).value).toEqual([]);
  });

  test("says what failed", async () => {
    const { webhooks } = clientOf([unreachable]);
    expect((await settled(webhooks.list())).error).toMatchObject({
      message: "ImgGo could not be reached: TypeError: fetch failed (ECONNREFUSED). " +
        "Check the network and IMGGO_BASE_URL.",
    });
  });

  test("ends with the deadline of the call, requests and waits together", async () => {
    const { webhooks, times } = clientOf([silent], { deadlineMs: 60_000 });
    const { error, ms } = await settled(webhooks.list());
    expect(error).toMatchObject({ code: "timeout", status: undefined });
    expect(ms).toBeLessThanOrEqual(60_000);
    expect(times()).toEqual([0, 15_250, 31_249, 50_245]);
  });

  describe("on a machine so busy that time is over before it was used", () => {
    const now = performance.now.bind(performance);

    test("tells the failure before a wait that took too long, and no limit", async () => {
      let lateBy = 0;
      vi.spyOn(performance, "now").mockImplementation(() => now() + lateBy);
      const late: Script = (...of) => {
        setTimeout(() => lateBy = 10_000, 1);
        return unreachable(...of);
      };
      const { webhooks, requests } = clientOf([late], { deadlineMs: 1_000 });
      expect((await settled(webhooks.list())).error).toMatchObject({ code: "network_error" });
      expect(requests).toHaveLength(1);
    });

    test("asks once all the same, and tells that there was no answer in time", async () => {
      let lateBy = 0;
      vi.spyOn(performance, "now").mockImplementation(() => now() + (lateBy += 1_100));
      const { webhooks } = clientOf([silent], { deadlineMs: 1_000 });
      expect((await settled(webhooks.list())).error).toMatchObject({ code: "timeout" });
    });
  });

  test("a body that never ends is a time-out", async () => {
    const stuck = () => new Response(new ReadableStream({}), { status: 200 });
    const { jobs } = clientOf([stuck], { timeoutMs: 1_000, deadlineMs: 1_500 });
    const { error, ms } = await settled(jobs.get("j-1"));
    expect(error).toMatchObject({ code: "timeout" });
    expect(ms).toBeLessThanOrEqual(1_500);
  });

  test("what is wrong is not tried again", async () => {
    for (const status of [400, 401, 403, 404, 409, 418, 422]) {
      const { webhooks, requests } = clientOf([answering(status, {})]);
      expect((await settled(webhooks.list())).error).toMatchObject({ status });
      expect(requests).toHaveLength(1);
    }
  });
});

describe("requestsPerMinute", () => {
  const startsOf = async (perMinute: number, count: number) => {
    const { webhooks, times } = clientOf([empty], {
      requestsPerMinute: perMinute,
      deadlineMs: 299_000,
    });
    await settled(Promise.all(Array.from({ length: count }, () => webhooks.list())));
    return times();
  };

  test("lets so many start at once, and never more in any minute", async () => {
    expect(await startsOf(5, 12)).toEqual([
      ...Array(5).fill(0),
      ...Array(5).fill(60_000),
      ...Array(2).fill(120_000),
    ]);
    expect(await startsOf(1, 3)).toEqual([0, 60_000, 120_000]);
  });

  test("is 5 by default, and ends a call at once that it would keep too long", async () => {
    const { fetch, requests } = scriptedFetch(empty);
    const { webhooks } = createImgGoClient({ apiKey: "key", fetch, deadlineMs: 30_000 });
    for (let count = 0; count < 5; count++) await webhooks.list();
    await vi.advanceTimersByTimeAsync(10_000);
    const { error, ms } = await settled(webhooks.list());
    expect(ms).toBe(0);
    expect(error).toMatchObject({ code: "rate_limited", retryAfterMs: 50_000 });
    expect((error as Error).message).toMatch(
      /^ImgGo's limit, or that of 5 requests a minute here, .* in 50 s/,
    );
    expect(requests).toHaveLength(5);
    expect((await settled(webhooks.list())).value).toEqual([]);
  });

  test("gives the place of a call that was aborted to the next", async () => {
    const { webhooks, times } = clientOf([empty], { requestsPerMinute: 1, deadlineMs: 200_000 });
    await webhooks.list();
    const controller = new AbortController();
    const aborted = settled(webhooks.list({ signal: controller.signal }));
    controller.abort(new Error("enough"));
    expect(await aborted).toMatchObject({ error: new Error("enough"), ms: 0 });
    expect(times()).toEqual([0]);
    await settled(Promise.all([webhooks.list()]));
    expect(times()).toEqual([0, 300_000]);
  });

  test("never lets a place that was given back become two", async () => {
    const { webhooks, times } = clientOf([empty], { requestsPerMinute: 1, deadlineMs: 290_000 });
    await webhooks.list();
    const controller = new AbortController();
    const waiting = webhooks.list({ signal: controller.signal }).catch(() => {});
    controller.abort();
    await waiting;
    await settled(Promise.all([webhooks.list(), webhooks.list()]));
    expect(times()).toEqual([0, 60_000, 120_000]);
  });
});

describe("signal", () => {
  test("that has aborted sends nothing, and takes no other request's place", async () => {
    const { webhooks, jobs, requests } = clientOf([empty], { requestsPerMinute: 1 });
    const signal = AbortSignal.abort(new Error("enough"));
    for (
      const call of [
        webhooks.list({ signal }),
        webhooks.delete("w-1", { signal }),
        webhooks.create({ url: "https://example.com", events: ["job.failed"] }, { signal }),
        webhooks.ensure({ url: "https://example.com", events: ["job.failed"] }, { signal }),
        jobs.get("j-1", { signal }),
        jobs.list({ signal }),
      ]
    ) await expect(call).rejects.toThrow("enough");
    expect(requests).toEqual([]);
  });

  test.each([
    ["an answer", silent],
    ["the next attempt", unreachable],
    ["a limit", answering(429, {}, { "Retry-After": "50" })],
  ])("ends the wait for %s", async (_, script) => {
    const { webhooks, requests } = clientOf([script]);
    const controller = new AbortController();
    const call = settled(webhooks.list({ signal: controller.signal }));
    setTimeout(() => controller.abort(new Error("enough")), 100);
    expect(await call).toMatchObject({ error: new Error("enough"), ms: 100 });
    expect(requests).toHaveLength(1);
  });

  test("is let go of after each call", async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, "addEventListener");
    const removed = vi.spyOn(signal, "removeEventListener");
    const { webhooks } = clientOf([unreachable, empty]);
    await settled(webhooks.list({ signal }));
    expect(added).toHaveBeenCalledTimes(3);
    expect(removed).toHaveBeenCalledTimes(3);
  });
});
