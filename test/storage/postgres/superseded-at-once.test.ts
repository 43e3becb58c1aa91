import type { NewEvent, Storage } from "imggo-webhooks";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { acceptValues } from "../../../src/storage/postgres/accept-values.ts";
import { settleValues } from "../../../src/storage/postgres/settle.ts";
import { statementsFor } from "../../../src/storage/postgres/statements.ts";
import { lastAttemptLost } from "../../../src/storage/storage.ts";
import { newEvent } from "../../support/new-event.ts";
import { connectPg } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
});
afterAll(() => server.dispose());

const schema = "superseded";
const statements = statementsFor(schema);
const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 8 };

/** A connection on which nothing is committed until the test says so. */
async function connect() {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A storage with a job's failure, whose delivery was claimed; and the job's success to come. */
async function failureAndSuccess(leaseMs: number) {
  const storage = postgresStorage(connectPg(server.url), { schema });
  const success = await newEvent({ processors: [] });
  const failure = await newEvent({ event: "job.failed", jobId: success.jobId });
  await storage.accept(failure);
  const [claim] = (await storage.claim({ ...request, leaseMs })).claims;
  expect(claim).toMatchObject({ eventId: failure.id });
  return { storage, failure, success, claim: claim! };
}

const claimValues = [
  JSON.stringify([{ name: "a", since: 0, seen: 0 }]),
  10,
  60_000,
  1,
  0,
  lastAttemptLost,
];

/** Until one call waits for another's commit. */
async function untilOneWaits(): Promise<void> {
  const client = await connect();
  await expect.poll(async () => {
    const { rows } = await client.query("SELECT FROM pg_locks WHERE NOT granted");
    return rows;
  }).toHaveLength(1);
}

async function expectWithdrawn(storage: Storage, { id }: NewEvent): Promise<void> {
  expect(await storage.get(id)).toMatchObject({ state: "superseded", deliveries: [] });
  expect(await storage.countDead({})).toBe(0);
  expect(await storage.claim(request)).toEqual({ claims: [], exhausted: [] });
}

test.each(
  [
    ["dead", { kind: "dead", error: "no" }],
    ["retried", { kind: "retry", afterMs: 0, error: "no" }],
  ] as const,
)(
  "settle() as %s and the accept() of the job's success withdraw it, whichever commits first",
  async (_, outcome) => {
    {
      const { storage, failure, success, claim } = await failureAndSuccess(60_000);
      const first = await connect();
      await first.query("BEGIN");
      await first.query(statements.accept, [...acceptValues(success)]);
      const settled = storage.settle(claim, outcome);
      await untilOneWaits();
      await first.query("COMMIT");
      expect(await settled).toBe(true);
      await expectWithdrawn(storage, failure);
    }
    const { storage, failure, success, claim } = await failureAndSuccess(60_000);
    const first = await connect();
    await first.query("BEGIN");
    await first.query(statements.settle, [...settleValues(claim, outcome)]);
    const accepted = storage.accept(success);
    await untilOneWaits();
    await first.query("COMMIT");
    expect(await accepted).toMatchObject({ duplicate: false });
    await expectWithdrawn(storage, failure);
  },
);

test("claim() leaves alone what used up its attempts while the job's success comes", async () => {
  const { storage, failure, success } = await failureAndSuccess(0);
  const first = await connect();
  await first.query("BEGIN");
  await first.query(statements.accept, [...acceptValues(success)]);
  expect(await storage.claim({ ...request, maxAttempts: 1 })).toEqual(
    { claims: [], exhausted: [] },
  );
  await first.query("COMMIT");
  expect(await storage.get(failure.id)).toMatchObject({ deliveries: [{ state: "running" }] });
  expect(await storage.claim({ ...request, maxAttempts: 1 })).toEqual(
    { claims: [], exhausted: [] },
  );
  await expectWithdrawn(storage, failure);
});

test("accept() withdraws what a claim() that commits first found to be used up", async () => {
  const { storage, failure, success } = await failureAndSuccess(0);
  const first = await connect();
  await first.query("BEGIN");
  const { rows } = await first.query(statements.claim, claimValues);
  expect(rows).toMatchObject([{ what: "exhausted", id: failure.id }]);
  const accepted = storage.accept(success);
  await untilOneWaits();
  await first.query("COMMIT");
  await accepted;
  await expectWithdrawn(storage, failure);
});
