import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sign } from "imggo-webhooks";
import { listeningUrl, root, runtimes, startProcess } from "./support/process.ts";

const run = promisify(execFile);
const secret = "the secret that ImgGo showed once";
const body = '{"event":"job.completed","job_id":"j-1","result":{"total":12.5}}';

// In the checkout, so that the code finds the packages that it imports.
let folder: string;
let snippets: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(root, "test", ".readme-"));
  const text = await readFile(join(root, "README.md"), "utf8");
  snippets = [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
});
afterAll(() => rm(folder, { recursive: true }));

const snippet = (part: string) => {
  const found = snippets.filter((code) => code.includes(part));
  expect(found).toHaveLength(1);
  return String(found[0]);
};

async function post(url: string): Promise<number> {
  const headers = { "X-ImgGo-Signature": await sign(body, secret) };
  const response = await fetch(url, { method: "POST", headers, body });
  await response.body?.cancel();
  return response.status;
}

describe("the README", () => {
  test("has code that type-checks", async () => {
    expect(snippets.length).toBeGreaterThanOrEqual(3);
    await Promise.all(
      snippets.map((code, index) => writeFile(join(folder, `snippet-${index}.ts`), code)),
    );
    const tsconfig = { extends: "../../tsconfig.json", include: ["*.ts"] };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
    await run(process.execPath, [join(root, "node_modules/.bin/tsc"), "--project", folder]);
  });

  test("has a configuration that serves", async () => {
    const config = join(folder, "imggo.config.ts");
    await writeFile(config, snippet("defineConfig("));
    const server = startProcess(
      [...runtimes.node, `${root}src/cli/main.ts`, "serve", "--config", config],
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
    const code = snippet("basePath:")
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
    const code = snippet("@hono/node-server").replace(
      "port: 5000 });",
      "port: 0 }, ({ port }) => console.log(`port ${port}`));",
    );
    await writeFile(file, code);
    const server = startProcess([...runtimes.node, file], { cwd: root, env: {} });
    const [, port = ""] = await server.prints(/port (\d+)/);
    expect(await post(`http://127.0.0.1:${port}/webhook`)).toBe(200);
    await server.end("SIGKILL");
  });

  test("names only scripts, verbs and settings that there are", async () => {
    const text = await readFile(join(root, "README.md"), "utf8");
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    for (const [, name = ""] of text.matchAll(/npm run (?:-s )?([a-z][\w:]*)/g)) {
      expect(Object.keys(scripts)).toContain(name);
    }
    const settings = await readFile(join(root, "src/settings.ts"), "utf8");
    for (const [, name = ""] of text.matchAll(/`([A-Z][A-Z_]{3,})`/g)) {
      expect(settings).toContain(name);
    }
  });
});
