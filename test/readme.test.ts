import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sign } from "imggo-webhooks";
import pg from "pg";
import { startPostgres } from "./support/postgres-server.ts";
import { writePattern } from "./support/written-pattern.ts";
import { listeningUrl, nodeWithTsx, root, runtimes, startProcess } from "./support/process.ts";

const run = promisify(execFile);
const secret = "the secret that ImgGo showed once";
const event = '{"event":"job.completed","job_id":"j-1","result":{"total":12.5}}';

// In the checkout, so that the code finds the packages that it imports.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(root, "test", ".readme-"));
  await writePattern(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** The documents that have code in them; that of the entries has a test of its own. */
const documents = [
  "README.md",
  "src/imggo/README.md",
  "src/open-telemetry/README.md",
  "src/processor/README.md",
  "src/storage/README.md",
] as const;

/** The code of a language in a document, a piece each. */
async function codeIn(document: typeof documents[number], language: string): Promise<string[]> {
  const text = await readFile(join(root, document), "utf8");
  const pieces = text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"));
  return [...pieces].map(([, code = ""]) => code);
}

/** The one piece that has such a part. */
async function snippet(
  part: string,
  document: typeof documents[number] = "README.md",
  language = "ts",
): Promise<string> {
  const found = (await codeIn(document, language)).filter((code) => code.includes(part));
  expect(found).toHaveLength(1);
  return String(found[0]);
}

async function post(url: string, body = event): Promise<number> {
  const headers = { "X-ImgGo-Signature": await sign(body, secret) };
  const response = await fetch(url, { method: "POST", headers, body });
  await response.body?.cancel();
  return response.status;
}

test("the code in the documents type-checks", async () => {
  const ofEach = await Promise.all(documents.map((document) => codeIn(document, "ts")));
  for (const pieces of ofEach) expect(pieces).not.toEqual([]);
  const snippets = ofEach.flat();
  await Promise.all(
    snippets.map((code, index) => writeFile(join(folder, `snippet-${index}.ts`), code)),
  );
  const tsconfig = { extends: "../../tsconfig.json", include: ["*.ts"] };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  await run(process.execPath, [join(root, "node_modules/.bin/tsc"), "--project", folder]);
});

test("the README of the storages has a processor that keeps invoices, each once", async () => {
  const postgres = await startPostgres();
  try {
    const sql = new pg.Client({ connectionString: postgres.url });
    await sql.connect();
    await sql.query(await snippet("CREATE TABLE", "src/storage/README.md", "sql"));
    const config = join(folder, "imggo.config.ts");
    await writeFile(config, await snippet("transactional", "src/storage/README.md"));
    const server = startProcess(
      [...nodeWithTsx, `${root}src/cli/main.ts`, "serve", "--config", config],
      {
        cwd: root,
        env: { WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0", DATABASE_URL: postgres.url },
      },
    );
    const url = await listeningUrl(server);
    const result = { number: "2026-17", total: 12.5 };
    const wire = JSON.stringify({ event: "job.completed", job_id: "j-1", result });
    for (let count = 0; count < 3; count++) expect(await post(url, wire)).toBe(200);
    await server.prints(/"message":"delivery succeeded"/);
    const { rows } = await sql.query("SELECT * FROM invoices");
    expect(rows).toEqual([{ job_id: "j-1", number: "2026-17", total: "12.5" }]);
    await sql.end();
    expect(await server.end("SIGTERM")).toBe(0);
  } finally {
    await postgres.dispose();
  }
});

describe("the README", () => {
  test("has a configuration that serves", async () => {
    const config = join(folder, "imggo.config.ts");
    await writeFile(config, await snippet("defineConfig("));
    const server = startProcess(
      [...nodeWithTsx, `${root}src/cli/main.ts`, "serve", "--config", config],
      {
        cwd: root,
        env: { WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0", STORAGE_URL: "memory:" },
      },
    );
    await listeningUrl(server);
    expect(server.output()).toContain('"processors":"invoices"');
    expect(await server.end("SIGTERM")).toBe(0);
  });

  test("has a receiver to embed that Bun serves, and that calls the handler", async () => {
    const file = join(folder, "embedded.ts");
    const code = (await snippet("basePath:"))
      .replace("./imggo-webhooks.db", join(folder, "embedded.db"))
      .replace("{ fetch: receiver.fetch }", "{ fetch: receiver.fetch, port: 0 }");
    await writeFile(file, code);
    const server = startProcess([...runtimes.bun, file], { cwd: root, env: {} });
    const [, url = ""] = await server.prints(/(http:\/\/localhost:\d+)/);
    expect(await post(`${url}/hooks/webhook`)).toBe(200);
    await server.prints(/total: .*12\.5/);
    await server.end("SIGKILL");
  });

  test("has a receiver that Node.js serves", async () => {
    const file = join(folder, "node.ts");
    const code = (await snippet("@hono/node-server")).replace(
      "port: 5000 });",
      "port: 0 }, ({ port }) => console.log(`port ${port}`));",
    );
    await writeFile(file, code);
    const server = startProcess([...nodeWithTsx, file], { cwd: root, env: {} });
    const [, port = ""] = await server.prints(/port (\d+)/);
    expect(await post(`http://127.0.0.1:${port}/webhook`)).toBe(200);
    await server.end("SIGKILL");
  });

  test("names only scripts, verbs and settings that there are", async () => {
    const texts = ["README.md", ".github/CONTRIBUTING.md"].map((file) =>
      readFile(join(root, file), "utf8")
    );
    const text = (await Promise.all(texts)).join();
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    for (const [, name = ""] of text.matchAll(/npm run (?:-s )?([a-z][\w:]*)/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
    const files = ["src/settings.ts", "src/settings/receiver.ts", "src/cli/tunnel.ts"].map((file) =>
      readFile(join(root, file), "utf8")
    );
    const settings = (await Promise.all(files)).join();
    for (const [, name = ""] of text.matchAll(/`([A-Z][A-Z_]{3,})`/g)) {
      expect(settings).toContain(name);
    }
  });
});
