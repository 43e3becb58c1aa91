import type { Storage } from "imggo-webhooks";
import { describe, expect, test, vi } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";

describe("/healthz and /readyz", () => {
  test("GET and HEAD /healthz answer 200 whatever the storage does", async () => {
    const { receiver } = setUp({ faulty: () => ({ ping: () => Promise.reject(new Error("x")) }) });
    const at = (method: string) =>
      receiver.fetch(new Request("http://localhost/healthz", { method }));
    const get = await at("GET");
    expect(get.status).toBe(200);
    expect(await get.json()).toEqual({ status: "ok" });
    const head = await at("HEAD");
    expect(head.status).toBe(200);
    expect(head.headers.get("X-Request-Id")).toBeTruthy();
    expect(await head.text()).toBe("");
  });

  test("POST /healthz and /readyz answer 405", async () => {
    const { receiver } = setUp();
    for (const path of ["healthz", "readyz"]) {
      const response = await receiver.fetch(
        new Request(`http://localhost/${path}`, { method: "POST" }),
      );
      expect(response.headers.get("Allow")).toBe("GET, HEAD");
      expectRefusal(await readAnswer(response), 405, "method_not_allowed");
    }
  });

  const readyz = () => new Request("http://localhost/readyz");

  test("GET /readyz answers 200 when the storage answers", async () => {
    const { receiver } = setUp();
    expect(await readAnswer(await receiver.fetch(readyz())))
      .toMatchObject({ status: 200, body: { status: "ready" } });
  });

  const pings: Record<string, Storage["ping"]> = {
    "rejects": () => Promise.reject(new Error("canary")),
    "throws": () => {
      throw new Error("canary");
    },
  };
  for (const [kind, ping] of Object.entries(pings)) {
    test(`GET /readyz answers 503 when the storage ${kind}`, async () => {
      const { receiver } = setUp({ faulty: () => ({ ping }) });
      const answer = await readAnswer(await receiver.fetch(readyz()));
      expectRefusal(answer, 503, "storage_unavailable");
      expect(JSON.stringify(answer.body)).not.toContain("canary");
    });
  }

  test("GET /readyz answers 503 within 5 s when the storage does not answer", async () => {
    const { receiver } = setUp({ faulty: () => ({ ping: () => new Promise(() => {}) }) });
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(readyz()).then((answer) => response = answer);
    await vi.advanceTimersByTimeAsync(4_500);
    expectRefusal(await readAnswer(response!), 503, "storage_unavailable");
  });
});
