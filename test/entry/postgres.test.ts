import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import { adminToken } from "./admin-contract.ts";
import { describeEntry, secret } from "./contract.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url });
  await pool.query("CREATE DATABASE newer");
  await pool.end();
  const newer = new pg.Pool({ connectionString: server.url.replace(/postgres$/, "newer") });
  await postgresStorage(newer).ping();
  await newer.query("INSERT INTO imggo_webhooks.migrations (version) VALUES (7)");
  await newer.end();
});
afterAll(() => server.dispose());

async function newFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
}

for (const [name, command] of Object.entries(runtimes)) {
  const entry = [...command, `${root}src/entry/${name}.ts`];

  describeEntry(`the ${name} entry on PostgreSQL`, async (forwardUrl) => {
    const cwd = await newFolder();
    // A database of its own: each starts with the same events.
    const administrator = new pg.Client({ connectionString: server.url });
    await administrator.connect();
    await administrator.query(`CREATE DATABASE ${name}`);
    await administrator.end();
    const child = startProcess(entry, {
      cwd,
      env: {
        HOST: "127.0.0.1",
        PORT: "0",
        WEBHOOK_SECRET: secret,
        ADMIN_TOKEN: adminToken,
        STORAGE_URL: server.url.replace(/postgres$/, name),
        FORWARD_URL: forwardUrl,
        FORWARD_SECRET: secret,
        FORWARD_ALLOW_PRIVATE: "true",
        LOG_LEVEL: "debug",
      },
    });
    return {
      url: await listeningUrl(child),
      hasAdmin: true,
      output: child.output,
      async stop() {
        expect(await child.end("SIGTERM")).toBe(0);
        expect(child.output()).not.toContain("was not closed");
        await rm(cwd, { recursive: true });
      },
    };
  });

  describe(`the ${name} entry`, () => {
    test.each<[string, (url: string) => string, RegExp]>([
      [
        "a wrong password",
        (url) => url.replace("a%20password", "a-wrong-password"),
        /password authentication failed .*Expected a user, a password/,
      ],
      [
        "nobody who listens",
        (url) => url.replace(/:\d+\//, ":1/"),
        /ECONNREFUSED.*Expected a server that runs and can be reached/,
      ],
      [
        "an unknown host",
        (url) => url.replace("127.0.0.1", "database.invalid"),
        /(?:ENOTFOUND|EAI_AGAIN).*Expected a server that runs and can be reached/,
      ],
      [
        "a database that is missing",
        (url) => url.replace(/postgres$/, "missing"),
        /database "missing" does not exist.*Expected a user, a password and a database/,
      ],
      [
        "tables of a newer version",
        (url) => url.replace(/postgres$/, "newer"),
        /newer version: expected \d or older, got 7\. Update imggo-webhooks\./,
      ],
    ])("ends with 1 and one line that says what is wrong: %s", async (_, change, expected) => {
      const cwd = await newFolder();
      onTestFinished(() => rm(cwd, { recursive: true }));
      const child = startProcess(entry, {
        cwd,
        env: { WEBHOOK_SECRET: secret, PORT: "0", STORAGE_URL: change(server.url) },
      });
      expect(await child.ended).toBe(1);
      const output = child.output().trim();
      expect(output).toMatch(expected);
      expect(output.split("\n")).toHaveLength(1);
      expect(output).not.toContain("a-wrong-password");
      expect(output).not.toContain("listening");
    });

    // Deno's import map has it always.
    if (name === "deno") return;
    test("says how to get the package pg where it is missing", async () => {
      const folder = await newFolder();
      onTestFinished(() => rm(folder, { recursive: true }));
      await cp(`${root}src`, join(folder, "src"), { recursive: true });
      await cp(`${root}package.json`, join(folder, "package.json"));
      await mkdir(join(folder, "node_modules", "@hono"), { recursive: true });
      for (const installed of ["@hono/node-server", "itty-router", "valibot"]) {
        await symlink(`${root}node_modules/${installed}`, join(folder, "node_modules", installed));
      }
      const child = startProcess([...command, join(folder, "src", "entry", `${name}.ts`)], {
        cwd: folder,
        env: { WEBHOOK_SECRET: secret, PORT: "0", STORAGE_URL: server.url },
      });
      expect(await child.ended).toBe(1);
      expect(child.output().trim()).toBe(
        "The storage is a PostgreSQL database: expected the package pg. Install it: npm install pg",
      );
    });
  });
}
