import { postgresStorage } from "imggo-webhooks/storage/postgres";
import type { PostgresSql } from "imggo-webhooks/storage/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresPlaces } from "../support/postgres-places.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { describeStorage } from "./contract.ts";

/** Bun's own client: https://bun.com/docs/runtime/sql */
interface BunSql extends PostgresSql {
  end(): Promise<void>;
}
const { SQL } = (globalThis as unknown as {
  readonly Bun: { readonly SQL: new (url: string, options?: object) => BunSql };
}).Bun;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
});
afterAll(() => server.dispose());

describeStorage(
  "postgresStorage() by Bun's SQL",
  postgresPlaces(() => server.url, (searchPath) => {
    const client = new SQL(server.url, { max: 4, connection: { search_path: searchPath } });
    return { client, end: () => client.end() };
  }),
);

test("postgresStorage() tells what an error of Bun's SQL means", async () => {
  const failure = async (url: string) => {
    const client = new SQL(url, { max: 1, connectionTimeout: 2 });
    const error = await postgresStorage(client).ping().catch((error: unknown) => error);
    await client.end();
    return error;
  };
  const { url, port } = server;
  expect(await failure(url.replace("a%20password", "another"))).toMatchObject({ code: "denied" });
  expect(await failure(url.replace(/\/postgres$/, "/none"))).toMatchObject({ code: "denied" });
  expect(await failure(url.replace(`:${port}`, ":1"))).toMatchObject({ code: "unavailable" });
});
