import { createReceiver, type ReceiverOptions } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { secret, signedRequest, webhookUrl } from "../support/signed-request.ts";
import { sampleJob, success } from "../support/wire.ts";

describe("other paths and methods", () => {
  for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    test(`fetch() answers 405 to ${method} of the webhook`, async () => {
      const { receiver } = setUp();
      const response = await receiver.fetch(new Request(webhookUrl, { method }));
      expect(response.status).toBe(405);
      expect(response.headers.get("Allow")).toBe("POST");
      // An answer to HEAD has no body.
      if (method === "HEAD") expect(await response.text()).toBe("");
      else expectRefusal(await readAnswer(response), 405, "method_not_allowed");
    });
  }

  const unknownPaths = ["/", "/webhooks", "/webhook/1", "/WEBHOOK", "/admin", "/metrics", "/%77x"];
  for (const path of unknownPaths) {
    test(`fetch() answers 404 at ${path}`, async () => {
      const { receiver } = setUp();
      for (const method of ["GET", "POST"]) {
        const response = await receiver.fetch(new Request(new URL(path, webhookUrl), { method }));
        expectRefusal(await readAnswer(response), 404, "not_found");
      }
    });
  }

  test("fetch() warns of a POST to another path, and does not repeat that path", async () => {
    const { receiver, log } = setUp({ basePath: "/api" });
    const at = (path: string) => new URL(path, webhookUrl).href;
    await receiver.fetch(await signedRequest(success, { url: at("/api/canary?canary") }));
    expect(log.of("POST to another path"))
      .toMatchObject([{ level: "warn", webhook: "/api/webhook" }]);
    await receiver.fetch(new Request(at("/api/canary")));
    await receiver.fetch(await signedRequest(success, { url: at("/api/webhook") }));
    expect(log.of("POST to another path")).toHaveLength(1);
    expect(log.lines.join("\n")).not.toContain("canary");
  });

  test("fetch() receives whatever the query says", async () => {
    const { receiver, storage } = setUp();
    const request = await signedRequest(success, { url: `${webhookUrl}?job_id=x&__proto__=y` });
    expect((await receiver.fetch(request)).status).toBe(200);
    expect((await storage.list({ limit: 1 })).events).toMatchObject([{ jobId: sampleJob.job_id }]);
  });
});

describe("createReceiver()", () => {
  const storage = memoryStorage();

  const places: readonly [options: Partial<ReceiverOptions>, webhook: string, health: string][] = [
    [{ path: "/hooks/imggo" }, "/hooks/imggo", "/healthz"],
    [{ path: "/" }, "/", "/healthz"],
    [{ path: "/a.b-c_d~e" }, "/a.b-c_d~e", "/healthz"],
    [{ basePath: "/api" }, "/api/webhook", "/api/healthz"],
    [{ basePath: "/api/v1.0", path: "/in" }, "/api/v1.0/in", "/api/v1.0/healthz"],
    [{ basePath: "/api", path: "/" }, "/api", "/api/healthz"],
  ];
  for (const [options, webhook, health] of places) {
    test(`createReceiver() receives at ${webhook} with ${JSON.stringify(options)}`, async () => {
      const { receiver } = setUp(options);
      const at = (path: string) => new URL(path, webhookUrl).href;
      const received = await receiver.fetch(await signedRequest(success, { url: at(webhook) }));
      expect(received.status).toBe(200);
      expect((await receiver.fetch(new Request(at(health)))).status).toBe(200);
      const elsewhere = await receiver.fetch(
        await signedRequest(success, { url: at("/webhook/elsewhere") }),
      );
      expect(elsewhere.status).toBe(404);
    });
  }

  test("createReceiver() takes a dot in a path as a dot", async () => {
    const { receiver } = setUp({ path: "/a.b" });
    const request = await signedRequest(success, { url: "http://localhost/axb" });
    expect((await receiver.fetch(request)).status).toBe(404);
  });

  const badPaths = [
    "",
    "webhook",
    "/webhook/",
    "//",
    "//a",
    "/a b",
    "/:id",
    "/*",
    "/a?b=c",
    "/(a)",
  ];
  for (const path of [...badPaths, "/a#b", "/ä", "/%61", "/webhook\n"]) {
    test(`createReceiver() refuses the path ${JSON.stringify(path)}, and says what it expects`, () => {
      expect(() => createReceiver({ secret, storage, path })).toThrow(TypeError);
      expect(() => createReceiver({ secret, storage, path }))
        .toThrow(/^createReceiver\(\): path: expected .*\/webhook/);
    });
  }

  for (const path of ["/healthz", "/readyz"]) {
    test(`createReceiver() refuses the path ${path}, at which it answers something else`, () => {
      expect(() => createReceiver({ secret, storage, path })).toThrow(TypeError);
    });
  }

  for (const basePath of ["/", "hooks", "/hooks/", "/:tenant", "/*", "/a b", "https://a.example"]) {
    test(`createReceiver() refuses the basePath ${JSON.stringify(basePath)}`, () => {
      expect(() => createReceiver({ secret, storage, basePath })).toThrow(TypeError);
      expect(() => createReceiver({ secret, storage, basePath })).toThrow(
        /^createReceiver\(\): basePath: expected /,
      );
    });
  }
});
