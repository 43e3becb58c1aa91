import { createReceiver } from "imggo-webhooks";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { captureLog } from "../../support/captured-log.ts";
import { connectPg } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";
import { secret, signedRequest } from "../../support/signed-request.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { success } from "../../support/wire.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.dispose());

/** Posts to a receiver whose database answers so much later; what it answered, and how late. */
async function postWithLatency(milliseconds: number) {
  const schema = `latency_${milliseconds}`;
  const proxy = await startProxy(server.url);
  const storage = postgresStorage(connectPg(proxy.url), { schema });
  await storage.ping();
  const log = captureLog();
  // Nothing else uses its connection.
  const receiver = createReceiver({ secret, storage, role: "receiver", logger: log.logger });
  const send = async () => {
    const response = await receiver.fetch(await signedRequest(success));
    return { http: response.status, ...await response.json() };
  };
  proxy.delay(milliseconds);
  const startedAt = performance.now();
  const answer = await send();
  const took = performance.now() - startedAt;
  return { answer, took, log, proxy, send, storage };
}

test("a receiver answers in time, whatever PostgreSQL's latency, and a late commit is harmless", async () => {
  const [fast, slow, slowest] = await Promise.all([3_800, 4_600, 10_000].map(postWithLatency));
  expect(fast?.answer).toMatchObject({ http: 200, status: "received" });
  for (const late of [slow!, slowest!]) {
    expect(late.answer).toMatchObject({ http: 503, code: "storage_unavailable" });
    expect(late.took).toBeGreaterThan(4_400);
    expect(late.took).toBeLessThan(4_900);
    // It was committed all the same: ImgGo's repeat is answered as one.
    late.proxy.delay(0);
    const repeated = await late.send();
    expect(repeated).toMatchObject({ http: 200, status: "duplicate" });
    const { events } = await late.storage.list({ limit: 10 });
    expect(events).toMatchObject([{ id: repeated.id, duplicates: 1 }]);
  }
  await expect.poll(() => slow?.log.of("stored after the answer")).toHaveLength(1);
  // What is still under way would be waited for.
  slowest?.proxy.cut();
});
