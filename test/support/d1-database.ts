import { Miniflare } from "miniflare";
import { Buffer } from "node:buffer";
import { existsSync, statfsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { D1Database, D1Statement } from "../../src/storage/d1.ts";

/** Statements as they travel: bytes as `{ base64 }`. */
type Sent = readonly { readonly sql: string; readonly values: readonly unknown[] }[];

/** A D1 database in workerd, to be used from Node.js. */
export interface D1UnderTest {
  readonly database: D1Database;
  /** Deletes every row, which is cheaper than to drop the tables and make them again. */
  clear(): Promise<void>;
  /** Drops every table. */
  empty(): Promise<void>;
  dispose(): Promise<void>;
}

// One request a batch. The binding that Miniflare gives to Node.js takes one for each `prepare` and
// each `bind` too, and blocks the thread for it.
const script = `export default {
  async fetch(request, { DB }) {
    try {
      const statements = (await request.json()).map(({ sql, values }) =>
        DB.prepare(sql).bind(...values.map((value) =>
          value?.base64 === undefined ? value : Uint8Array.fromBase64(value.base64)
        ))
      );
      return Response.json({ results: await DB.batch(statements) });
    } catch (error) {
      return Response.json({ message: error.message });
    }
  },
}`;

/** Starts workerd with a D1 database. */
export async function startD1(): Promise<D1UnderTest> {
  const folder = await mkdtemp(join(parentFolder(), "imggo-webhooks-"));
  const miniflare = new Miniflare({
    cf: false,
    host: "127.0.0.1",
    port: 0,
    modules: true,
    script,
    compatibilityDate: "2026-06-01",
    d1Databases: ["DB"],
    d1Persist: folder,
  });
  const url = await miniflare.ready;
  const sent = new WeakMap<D1Statement, Sent[number]>();
  const statement = (sql: string, values: readonly unknown[]): D1Statement => {
    const made: D1Statement = { bind: (...bound) => statement(sql, bound) };
    const plain = values.map((value) =>
      value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value
    );
    sent.set(made, { sql, values: plain });
    return made;
  };
  // An idle connection is closed here before workerd does, after 5 s, so that none is used meanwhile.
  const agent = new Agent({ keepAlive: true, timeout: 1_000 });
  const database: D1Database = {
    prepare: (sql) => statement(sql, []),
    async batch<Row>(statements: D1Statement[]) {
      const answer = await post(
        url,
        agent,
        JSON.stringify(statements.map((each) => sent.get(each))),
      );
      const { results, message } = JSON.parse(answer);
      if (message !== undefined) throw new Error(message);
      return results as { readonly results: Row[] }[];
    },
  };
  const ofEachTable = async (sqlOf: (table: string) => string) => {
    const query = database.prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' " +
        "AND name NOT LIKE 'sqlite%'",
    );
    const [tables] = await database.batch<{ name: string }>([query]);
    const statements = tables?.results.map(({ name }) => database.prepare(sqlOf(name))) ?? [];
    const keys = database.prepare("PRAGMA defer_foreign_keys = ON");
    if (statements.length > 0) await database.batch([keys, ...statements]);
  };
  return {
    database,
    clear: () =>
      ofEachTable((table) =>
        `DELETE FROM ${table}${table === "imggo_webhooks_migrations" ? " WHERE 0" : ""}`
      ),
    empty: () => ofEachTable((table) => `DROP TABLE ${table}`),
    async dispose() {
      agent.destroy();
      await miniflare.dispose();
      await rm(folder, { recursive: true });
    },
  };
}

// workerd syncs after each batch, also of one that only reads: on a busy disk that takes longer than
// everything else. What is tested is not the disk.
function parentFolder(): string {
  const inMemory = "/dev/shm";
  if (!existsSync(inMemory)) return tmpdir();
  const { bavail, bsize } = statfsSync(inMemory);
  return bavail * bsize > 512 * 1_048_576 ? inMemory : tmpdir();
}

// In Node.js `fetch` takes several times as long for it, and the tests make thousands.
function post(url: URL, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-length": Buffer.byteLength(body) };
    request(url, { method: "POST", agent, headers }, (response) => resolve(text(response)))
      .on("error", reject)
      .end(body);
  });
}
