import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { connectPg } from "../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { startProxy } from "../support/tcp-proxy.ts";
import { flatWithManifest, sampleJob } from "../support/wire.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
});
afterAll(() => server.dispose());

async function administrate(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  client.on("error", () => {});
  await client.connect();
  await client.query(text);
  await client.end();
}

let schemas = 0;

/** A receiver over a database behind a proxy. */
async function setUpBehindProxy() {
  const proxy = await startProxy(server.url);
  const storage = postgresStorage(connectPg(proxy.url), { schema: `faults_${++schemas}` });
  await storage.ping();
  const under = setUp({ storage, processors: { a: () => {} }, worker: { pollMs: 100 } });
  let jobs = 0;
  const send = () =>
    under.send(flatWithManifest.succeeded({ ...sampleJob, job_id: `j-${++jobs}` }));
  const ready = async () =>
    await readAnswer(await under.receiver.fetch(new Request("http://localhost/readyz")));
  return {
    ...under,
    proxy,
    send,
    ready,
    /** It works, without any help. */
    async expectRecovered() {
      // A connection that died is noticed when it is used.
      await expect.poll(async () => (await ready()).status).toBe(200);
      const { status, body } = await send();
      expect([status, body["status"]]).toEqual([200, "received"]);
      const stateOf = async () =>
        (await storage.get(String(body["id"])))?.deliveries.map(({ state }) => state);
      await expect.poll(stateOf).toEqual(["succeeded"]);
    },
  };
}

test("database stopped, and restarted: 503 in time and not ready meanwhile, then 200 unaided", async () => {
  const { send, ready, expectRecovered } = await setUpBehindProxy();
  await expectRecovered();
  await server.stop();
  const startedAt = performance.now();
  const [answer, notReady] = await Promise.all([send(), ready()]);
  expect(performance.now() - startedAt).toBeLessThan(4_900);
  expectRefusal(answer, 503, "storage_unavailable");
  expectRefusal(notReady, 503, "storage_unavailable");
  await server.start();
  await expectRecovered();
});

test("database failing over: a server that can only be read is 503, the one after it 200, unaided", async () => {
  const { send, expectRecovered } = await setUpBehindProxy();
  await administrate("ALTER DATABASE postgres SET default_transaction_read_only = on");
  await administrate(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`);
  expectRefusal(await send(), 503, "storage_unavailable");
  await administrate(`BEGIN READ WRITE;
    ALTER DATABASE postgres RESET default_transaction_read_only; COMMIT`);
  await expectRecovered();
});

test("database half open: 503 in time and not ready meanwhile, then 200 unaided", async () => {
  const { send, ready, proxy, expectRecovered } = await setUpBehindProxy();
  proxy.swallow();
  const startedAt = performance.now();
  const [answer, notReady] = await Promise.all([send(), ready()]);
  expect(performance.now() - startedAt).toBeLessThan(4_900);
  expectRefusal(answer, 503, "storage_unavailable");
  expectRefusal(notReady, 503, "storage_unavailable");
  await proxy.forward();
  await expectRecovered();
});
