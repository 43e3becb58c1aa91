import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import { clients, connectPg } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
});
afterAll(() => server.dispose());

const most = Number.MAX_SAFE_INTEGER;
const longestTimer = 2 ** 31 - 1;

async function administrate(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

describe.each(clients)("postgresStorage() by the client %s", (client, connect) => {
  const schema = `values_${client}`;

  test("lists refuse a cursor that is none, as no failure of the server", async () => {
    const storage = postgresStorage(connect(server.url), { schema });
    for (const list of [storage.list, storage.rejections.list]) {
      await expect(list({ limit: 1, cursor: "1; x" })).rejects.toThrow(RangeError);
    }
  });

  test("takes the largest numbers that its callers may give, and fractions", async () => {
    const storage = postgresStorage(connect(server.url), { schema });
    const event = await newEvent({ receivedAt: 8.64e15 });
    await storage.accept(event);
    const request = { processors: ["a"], limit: most, leaseMs: longestTimer, maxAttempts: most };
    const [claim] = (await storage.claim(request)).claims;
    expect(claim).toMatchObject({ eventId: event.id, attempt: 1, receivedAt: 8.64e15 });
    expect(await storage.renew(claim!, 1_000.25)).toBe(true);
    const days24 = 24 * 24 * 3_600_000;
    const outcome = { kind: "retry", afterMs: days24 - 0.75, error: "again" } as const;
    expect(await storage.settle(claim!, outcome)).toBe(true);
    const { events, nextCursor } = await storage.list({ limit: most });
    expect(nextCursor).toBeNull();
    const dueAt = events[0]?.deliveries[0]?.dueAt ?? NaN;
    expect(Math.abs(dueAt - Date.now() - days24)).toBeLessThan(60_000);
    expect(await storage.prune({ receivedBefore: 8.64e15, limit: most })).toBe(0);

    await administrate(`UPDATE ${schema}.deliveries SET fence = ${most - 1}, due_at = now()`);
    const [last] = (await storage.claim(request)).claims;
    expect(last?.fence).toBe(most);
    expect(await storage.settle(last!, { kind: "succeeded" })).toBe(true);
  });
});

test("postgresStorage() by the client pg connects anew where a server can only be read", async () => {
  const writing = postgresStorage(connectPg(server.url), { schema: "read_only" });
  await writing.ping();
  // Connections know of it when they are made.
  await administrate("ALTER DATABASE postgres SET default_transaction_read_only = on");
  const storage = postgresStorage(connectPg(server.url, { max: 1 }), { schema: "read_only" });
  const prune = { receivedBefore: 0, limit: 1 };
  await expect(storage.prune(prune)).rejects.toMatchObject({
    code: "readonly",
    message: expect.stringContaining("Expected a server that can be written to"),
  });
  const accepting = storage.accept(await newEvent());
  await administrate(`BEGIN READ WRITE;
    ALTER DATABASE postgres RESET default_transaction_read_only; COMMIT`);
  expect(await accepting).toMatchObject({ duplicate: false });
});
