import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll } from "vitest";
import { type Connected, postgresPlaces } from "../support/postgres-places.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { describeStorage } from "./contract.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
});
afterAll(() => server.dispose());

/** How each client connects, with this search path. */
const clients: Readonly<Record<string, (searchPath: string) => Connected>> = {
  postgres(searchPath) {
    const client = postgres(server.url, { max: 4, connection: { search_path: searchPath } });
    return { client, end: () => client.end() };
  },
  pg(searchPath) {
    const options = `-c search_path=${searchPath}`;
    const client = new pg.Pool({ connectionString: server.url, max: 4, options });
    return { client, end: () => client.end() };
  },
};

for (const [name, connect] of Object.entries(clients)) {
  describeStorage(
    `postgresStorage() by the client ${name}`,
    postgresPlaces(() => server.url, connect),
  );
}
