import { expect, test } from "vitest";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { signedRequest, webhookUrl } from "../support/signed-request.ts";
import { flatWithManifest, nested, sampleJob } from "../support/wire.ts";

test("neither logs nor refusals hold a secret, a signature or anything of a payload", async () => {
  const current = "canary-secret-of-today";
  const previous = "canary-secret-before-it";
  const failed = createQueue<undefined>();
  const { receiver, log } = setUp({
    secret: current,
    secrets: [previous],
    maxBodyBytes: 2_000,
    dedupeKey: ({ data }) => {
      if (data["result"] === undefined) throw new Error("no result");
      return data.job_id;
    },
    processors: {
      a: () => {
        failed.push(undefined);
        throw new Error("database is down");
      },
    },
  });
  const job = { ...sampleJob, result: { a: "canary-result" }, message: "canary-message" };
  const extra = { note: "canary-extra" };
  const requests = [
    signedRequest({ ...flatWithManifest.succeeded(job), ...extra }, { secret: current }),
    signedRequest({ ...flatWithManifest.succeeded(job), ...extra }, { secret: current }),
    signedRequest(nested.succeeded({ ...job, result: "canary-again" }), { secret: previous }),
    signedRequest(nested.failed({ ...job, job_id: "another" }), { secret: current }),
    signedRequest({ event: "job.queued", ...extra }, { secret: current }),
    signedRequest(nested.succeeded(job), { secret: "canary-secret-of-a-forger" }),
    signedRequest(nested.succeeded(job), { headers: { "X-ImgGo-Signature": "sha256=canary" } }),
    signedRequest({ event: "job.succeeded", job_id: ["canary"], ...extra }, { secret: current }),
    signedRequest({ event: { canary: "canary" }, ...extra }, { secret: current }),
    signedRequest('{"canary":canary}', { secret: current }),
    signedRequest(`"${"canary".repeat(500)}"`, { secret: current }),
    signedRequest("{}", { secret: current, headers: { "Content-Encoding": "canary" } }),
    signedRequest("{}", { secret: current, url: `${webhookUrl}?token=canary` }),
    signedRequest("{}", { secret: current, url: "http://localhost/canary?token=canary" }),
  ];
  const statuses: number[] = [];
  for (const making of requests) {
    const request = await making;
    request.headers.set("Authorization", "Bearer canary");
    request.headers.set("X-Request-Id", "canary token");
    const hex = request.headers.get("X-ImgGo-Signature")!.replace("sha256=", "");
    const response = await receiver.fetch(request);
    statuses.push(response.status);
    const texts = [await response.text(), ...response.headers.values(), ...log.lines];
    for (const text of texts) {
      expect(text).not.toContain("canary");
      expect(text).not.toContain(hex);
    }
  }
  expect(statuses)
    .toEqual([200, 200, 200, 200, 200, 401, 401, 422, 422, 400, 413, 415, 422, 404]);
  await failed.take(2);
  await receiver.stop();
  expect(log.of("delivery failed").length).toBeGreaterThanOrEqual(2);
  expect(log.lines.length).toBeGreaterThan(15);
  expect(log.lines.join("\n")).not.toContain("canary");
});
