import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sign, verifySignature } from "imggo-webhooks";
import { type Sink, startSink } from "../support/sink.ts";
import { adminToken, expectAdmin, expectNoAdmin } from "./admin-contract.ts";

/** The secret of every receiver under test. */
export const secret = "a secret of 25 characters";

/** A receiver that listens and forwards to a sink. */
export interface RunningReceiver {
  /** Of the webhook. */
  readonly url: string;
  /** Whether it was started with {@linkcode adminToken}. */
  readonly hasAdmin: boolean;
  /** What it logged so far, where that can be seen. */
  output(): string;
  stop(): Promise<void>;
}

/**
 * What a user relies on, whatever the runtime: a receiver seen from outside, over HTTP, with a
 * server that its events are forwarded to.
 *
 * @param start Starts one with the secret above that forwards to this URL, signed with it too.
 */
export function describeEntry(
  name: string,
  start: (forwardUrl: string) => Promise<RunningReceiver>,
): void {
  describe(name, () => {
    let sink: Sink;
    let receiver: RunningReceiver;

    beforeAll(async () => {
      sink = await startSink();
      receiver = await start(sink.url);
    });
    afterAll(async () => {
      await receiver?.stop();
      await sink?.close();
    });

    const post = async (
      body: string | Uint8Array<ArrayBuffer>,
      headers: Record<string, string> = {},
    ) => {
      const signature = await sign(body, secret);
      const response = await fetch(receiver.url, {
        method: "POST",
        headers: { "X-ImgGo-Signature": signature, ...headers },
        body,
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };

    const succeeded = (jobId: string, result: unknown) => ({
      event: "job.succeeded",
      data: { job_id: jobId, pattern_id: "p-1", status: "succeeded", result },
      timestamp: "2026-01-15T10:30:00Z",
    });

    test("takes every dialect and hands on one canonical event", async () => {
      const ids = { pattern_id: "p-1" };
      const timestamp = "2026-01-15T10:30:00Z";
      const wires = [
        succeeded("dialect-0", { total: 12.5 }),
        {
          event: "job.succeeded",
          job_id: "dialect-1",
          ...ids,
          manifest: { total: 12.5 },
          error: null,
          timestamp,
        },
        {
          event: "job.completed",
          job_id: "dialect-2",
          ...ids,
          status: "completed",
          result: { total: 12.5 },
          timestamp,
        },
      ];
      for (const [index, wire] of wires.entries()) {
        const answer = await post(JSON.stringify(wire));
        expect(answer).toMatchObject({
          status: 200,
          body: { status: "received", id: expect.stringMatching(/^evt_/) },
        });
        const forwarded = await sink.received(answer.body.id);
        expect(JSON.parse(forwarded.body)).toEqual(succeeded(`dialect-${index}`, { total: 12.5 }));
      }
    });

    test("signs what it hands on, as ImgGo does", async () => {
      const { body: { id } } = await post(JSON.stringify(succeeded("signed", 1)));
      const { headers, body } = await sink.received(id);
      expect(headers["x-webhook-attempt"]).toBe("1");
      const signature = headers["x-imggo-signature"] as string;
      await verifySignature(new TextEncoder().encode(body), signature, secret);
    });

    test("processes one of 20 equal events, and answers each with its id", async () => {
      const body = JSON.stringify(succeeded("duplicate", { n: 1 }));
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(body)));
      expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
      expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
      expect(answers.filter(({ body }) => body.status === "received")).toHaveLength(1);
      const { id } = answers[0]?.body ?? {};
      await sink.received(id);
      // An event that came later has been processed: a second run would have been by now.
      const after = await post(JSON.stringify(succeeded("after-duplicate", 1)));
      await sink.received(after.body.id);
      expect(sink.requests.filter(({ headers }) => headers["idempotency-key"] === id)).toHaveLength(
        1,
      );
    });

    test.each([
      ["text that is not ASCII", { text: "Zürich, 東京, 🧾, \u2028, \u0000" }],
      ["a nested object 200 levels deep", JSON.parse(`${"[".repeat(200)}1${"]".repeat(200)}`)],
      ["text of another format", { _raw: "total: 12.5\nlines:\n  - a\n", _format: "yaml" }],
      ["null", null],
      ["the text null", { total: "null" }],
      ["awkward keys", JSON.parse('{"__proto__":{"a":1},"constructor":2,"":3}')],
    ])("hands on a result unchanged: %s", async (label, result) => {
      const { body: { id } } = await post(JSON.stringify(succeeded(`odd ${label}`, result)));
      const { body } = await sink.received(id);
      expect(JSON.stringify(JSON.parse(body).data.result)).toBe(JSON.stringify(result));
    });

    test("takes a body of exactly 1 MiB, and hands on one of a byte less unchanged", async () => {
      const sized = (jobId: string, size: number) => {
        const empty = JSON.stringify(succeeded(jobId, { text: "" })).length;
        return JSON.stringify(succeeded(jobId, { text: "x".repeat(size - empty) }));
      };
      const { body: { id } } = await post(sized("large", 1_048_575));
      const forwarded = JSON.parse((await sink.received(id)).body);
      expect(forwarded.data.result.text).toHaveLength(
        1_048_575 - JSON.stringify(succeeded("large", { text: "" })).length,
      );
      expect((await post(sized("largest", 1_048_576))).status).toBe(200);
      const refused = await post(sized("too large", 1_048_577));
      expect(refused).toMatchObject({ status: 413, body: { code: "payload_too_large" } });
    });

    test("counts a chunked body, which says nothing of its size", async () => {
      // A byte too many, the last one: an answer amid a body may be lost with the connection. And a
      // connection of its own: one that served a refusal before is just being closed.
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = { "X-ImgGo-Signature": "0".repeat(64) };
        const request = httpRequest(receiver.url, { method: "POST", headers, agent: false });
        request.on("error", reject).on("response", (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        for (const size of [...Array(16).fill(65_536), 1]) request.write(new Uint8Array(size));
        request.end();
      });
      expect(status).toBe(413);
    });

    test.each<[string, Record<string, string | undefined>, string]>([
      ["no signature", { "X-ImgGo-Signature": undefined }, "missing_signature"],
      ["an empty one", { "X-ImgGo-Signature": "" }, "missing_signature"],
      [
        "one of another secret",
        { "X-ImgGo-Signature": `sha256=${"0".repeat(64)}` },
        "invalid_signature",
      ],
      ["half of one", { "X-ImgGo-Signature": `sha256=${"0".repeat(32)}` }, "invalid_signature"],
    ])("refuses a request with %s", async (_, headers, code) => {
      const sent = new Headers();
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined) sent.set(name, value);
      }
      const body = JSON.stringify(succeeded("forged", 1));
      const response = await fetch(receiver.url, { method: "POST", headers: sent, body });
      expect(response.status).toBe(401);
      expect(await response.json()).toEqual({ error: expect.any(String), code });
      expect(sink.requests.some(({ body }) => body.includes("forged"))).toBe(false);
    });

    test("takes a signature without its prefix", async () => {
      const body = JSON.stringify(succeeded("bare", 1));
      const bare = (await sign(body, secret)).slice("sha256=".length).toUpperCase();
      expect((await post(body, { "X-ImgGo-Signature": bare })).status).toBe(200);
    });

    test("keeps what is signed and is no event", async () => {
      const notJson = await post("{");
      expect(notJson).toMatchObject({
        status: 400,
        body: { code: "invalid_json", id: expect.stringMatching(/^evt_/) },
      });
      expect((await post("{")).body.id).toBe(notJson.body.id);
      const notUtf8 = await post(new Uint8Array([0x7b, 0xff, 0x7d]));
      expect(notUtf8).toMatchObject({ status: 400, body: { code: "invalid_json" } });
      const other = await post('{"event":"job.succeeded","job_id":5}');
      expect(other).toMatchObject({
        status: 422,
        body: { code: "invalid_payload", id: expect.stringMatching(/^evt_/) },
      });
      expect(other.body.issues).toContainEqual({ path: "job_id", message: expect.any(String) });
      const queued = await post('{"event":"job.queued","job_id":"q-1"}');
      expect(queued).toMatchObject({
        status: 200,
        body: { status: "ignored", id: expect.stringMatching(/^evt_/) },
      });
    });

    test("does not process a failure of a job that succeeded", async () => {
      const first = await post(JSON.stringify(succeeded("both", 1)));
      await sink.received(first.body.id);
      const failure = {
        event: "job.failed",
        data: { job_id: "both", status: "failed", error: "late" },
      };
      const second = await post(JSON.stringify(failure));
      expect(second).toMatchObject({ status: 200, body: { status: "received" } });
      const after = await post(JSON.stringify(succeeded("after-both", 1)));
      await sink.received(after.body.id);
      expect(sink.requests.some(({ headers }) => headers["idempotency-key"] === second.body.id))
        .toBe(false);
    });

    test("refuses a body with an encoding", async () => {
      const body = JSON.stringify(succeeded("gzip", 1));
      const answer = await post(body, { "Content-Encoding": "gzip" });
      expect(answer).toMatchObject({ status: 415, body: { code: "unsupported_encoding" } });
      expect((await post(body, { "Content-Encoding": "identity" })).status).toBe(200);
    });

    test("knows its paths and their methods", async () => {
      const at = async (path: string, method = "GET") => {
        const response = await fetch(new URL(path, receiver.url), { method });
        const text = await response.text();
        const { status, headers } = response;
        return { status, allow: headers.get("Allow"), body: text === "" ? null : JSON.parse(text) };
      };
      expect(await at("/healthz")).toMatchObject({ status: 200, body: { status: "ok" } });
      expect(await at("/healthz", "HEAD")).toMatchObject({ status: 200, body: null });
      expect(await at("/readyz")).toMatchObject({ status: 200 });
      expect(await at("/webhook")).toMatchObject({
        status: 405,
        allow: "POST",
        body: { code: "method_not_allowed" },
      });
      expect(await at("/elsewhere", "POST")).toMatchObject({
        status: 404,
        body: { code: "not_found" },
      });
    });

    test("shows operators what it has, and has nothing for them where there is no token", async () => {
      if (!receiver.hasAdmin) return await expectNoAdmin(receiver.url);
      const body = JSON.stringify(succeeded("shown", { total: 12.5 }));
      const { body: { id } } = await post(body);
      await sink.received(id);
      await expectAdmin(receiver.url, { id, jobId: "shown", body });
    });

    test("says the request's id in every answer, a given one where it is fit", async () => {
      const given = await post("{", { "X-Request-Id": "proxy-1" });
      expect(given.headers.get("X-Request-Id")).toBe("proxy-1");
      const response = await fetch(receiver.url, { headers: { "X-Request-Id": "a b" } });
      expect(response.headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/);
      await response.body?.cancel();
    });

    test("answers a body that never ends within 5 s", async () => {
      const startedAt = performance.now();
      const answer = await sendRaw(receiver.url, "Content-Length: 100", "{");
      expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"body_timeout"/);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect((await post(JSON.stringify(succeeded("after-slow", 1)))).status).toBe(200);
    });

    test("lives on after bodies that break off", async () => {
      await Promise.all(Array.from({ length: 10 }, async () => {
        await sendRaw(receiver.url, "Content-Length: 100", "{", 50);
        await sendRaw(receiver.url, "Transfer-Encoding: chunked", "5\r\n{", 50);
      }));
      expect((await post(JSON.stringify(succeeded("after-broken", 1)))).status).toBe(200);
    });

    test("writes neither secrets nor signatures nor payloads into its log", async () => {
      const canary = "canary-in-a-result";
      const body = JSON.stringify(succeeded("logged", canary));
      const { body: { id } } = await post(body);
      await post(body);
      await post(`{"event":"job.failed","job_id":"logged-2","error":"${canary}"}`);
      await post(`{"event":"job.succeeded","job_id":["${canary}"]}`);
      await post(canary);
      await post(body, { "X-ImgGo-Signature": `sha256=${"1".repeat(64)}` });
      await sink.received(id);
      const log = receiver.output();
      for (const hidden of [canary, secret, adminToken, await sign(body, secret), "1".repeat(64)]) {
        expect(log).not.toContain(hidden);
      }
    });
  });
}

/**
 * Sends the head of a request and a part of its body, then waits for an answer, or closes after so
 * many milliseconds. Resolves with what came when the connection is closed or an answer is whole.
 */
function sendRaw(
  url: string,
  header: string,
  part: string,
  closeAfterMs?: number,
): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n${header}\r\n` +
          `X-ImgGo-Signature: ${"0".repeat(64)}\r\n\r\n${part}`,
      );
      if (closeAfterMs !== undefined) setTimeout(() => socket.destroy(), closeAfterMs);
    });
    socket.setEncoding("utf8").on("data", (text: string) => {
      answer += text;
      if (answer.endsWith("}")) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });
}
