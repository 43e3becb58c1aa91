import { expect, vi } from "vitest";
import { type ApiAnswer, readApiAnswer } from "../support/admin-under-test.ts";

/** The token of the receivers under test that have one. */
export const adminToken = "an admin token of 33 characters..";

/** Asks a receiver's API, whose webhook is here. What is an object is sent as JSON. */
async function ask(
  webhookUrl: string,
  path: string,
  { body, token }: { readonly body?: unknown; readonly token?: string } = {},
): Promise<ApiAnswer> {
  const response = await fetch(new URL(path, webhookUrl), {
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  return await readApiAnswer(response);
}

/** What operators get, whatever the runtime and the storage: of this event, which has succeeded. */
export async function expectAdmin(
  webhookUrl: string,
  { id, jobId, body }: { readonly id: string; readonly jobId: string; readonly body: string },
): Promise<void> {
  const call = (path: string, body?: unknown) =>
    ask(webhookUrl, `/admin/api${path}`, { body, token: adminToken });

  const list = await call(`/events?job_id=${jobId}&state=accepted&limit=5`);
  expect(list).toMatchObject({ status: 200, body: { data: [{ id, job_id: jobId }] } });
  const succeeded = async () => {
    const { body } = await call(`/events/${id}`);
    return body.deliveries[0]?.state === "succeeded" && body;
  };
  const event = await vi.waitUntil(succeeded, { timeout: 5_000, interval: 100 });
  expect(event).toMatchObject({
    canonical: { event: "job.succeeded", data: { job_id: jobId } },
    deliveries: [{ processor: "forward", history: [{ attempt: 1, state: "succeeded" }] }],
  });
  expect(await call(`/events/${id}/body`)).toMatchObject({ status: 200, body });
  expect(await call(`/events/${id}/redeliver`, {}))
    .toMatchObject({ status: 200, body: { id, count: 1, processors: ["forward"] } });
  // Where no worker runs by itself this is what runs it.
  expect(await call("/drain", { budget_ms: 3_000 })).toMatchObject({ status: 200 });
  await vi.waitUntil(succeeded, { timeout: 5_000, interval: 100 });
  const stats = await call("/stats");
  expect(stats).toMatchObject({ status: 200, body: { rates: { last_hour: {} } } });
  expect(stats.body.events.accepted).toBeGreaterThan(0);
  expect(await call("/redrive", { dry_run: true }))
    .toMatchObject({ status: 200, body: { dry_run: true } });
  expect(await call("/openapi.json")).toMatchObject({ status: 200, body: { openapi: "3.1.1" } });
  expect(await call("/events/evt_none")).toMatchObject({ status: 404 });
  expect(await call("/events?limit=0")).toMatchObject({ status: 400 });

  const refused = { status: 401, body: { code: "unauthorized" } };
  expect(await ask(webhookUrl, "/admin/api/events")).toMatchObject(refused);
  expect(await ask(webhookUrl, "/admin/api/events", { token: "wrong" })).toMatchObject(refused);
}

/** That there is nothing for operators. */
export async function expectNoAdmin(webhookUrl: string): Promise<void> {
  for (const path of ["/admin", "/admin/api/events", "/admin/api/openapi.json", "/metrics"]) {
    expect(await ask(webhookUrl, path, { token: adminToken }), path)
      .toMatchObject({ status: 404, body: { code: "not_found" } });
  }
}
