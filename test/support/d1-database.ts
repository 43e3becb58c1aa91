import { Miniflare } from "miniflare";
import type { D1Database, D1Statement } from "../../src/storage/d1.ts";

/** Statements as they travel: bytes as lists of numbers. */
type Sent = readonly { readonly sql: string; readonly values: readonly unknown[] }[];

/** A D1 database in workerd, to be used from Node.js. */
export interface D1UnderTest {
  readonly database: D1Database;
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
        DB.prepare(sql).bind(...values)
      );
      return Response.json({ results: await DB.batch(statements) });
    } catch (error) {
      return Response.json({ message: error.message });
    }
  },
}`;

/** Starts workerd with a D1 database. */
export async function startD1(): Promise<D1UnderTest> {
  const miniflare = new Miniflare({
    cf: false,
    host: "127.0.0.1",
    port: 0,
    modules: true,
    script,
    compatibilityDate: "2026-06-01",
    d1Databases: ["DB"],
  });
  const url = await miniflare.ready;
  const sent = new WeakMap<D1Statement, Sent[number]>();
  const statement = (sql: string, values: readonly unknown[]): D1Statement => {
    const made: D1Statement = { bind: (...bound) => statement(sql, bound) };
    const plain = values.map((value) => value instanceof Uint8Array ? [...value] : value);
    sent.set(made, { sql, values: plain });
    return made;
  };
  const database: D1Database = {
    prepare: (sql) => statement(sql, []),
    async batch<Row>(statements: D1Statement[]) {
      const body = JSON.stringify(statements.map((each) => sent.get(each)));
      const response = await fetch(url, { method: "POST", body });
      const { results, message } = await response.json();
      if (message !== undefined) throw new Error(message);
      return results as { readonly results: Row[] }[];
    },
  };
  return {
    database,
    async empty() {
      const query = database.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' " +
          "AND name NOT LIKE 'sqlite%'",
      );
      const [tables] = await database.batch<{ name: string }>([query]);
      const drops = tables?.results.map(({ name }) => database.prepare(`DROP TABLE ${name}`)) ?? [];
      const keys = database.prepare("PRAGMA defer_foreign_keys = ON");
      if (drops.length > 0) await database.batch([keys, ...drops]);
    },
    dispose: () => miniflare.dispose(),
  };
}
