import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { tmpdir } from "node:os";
import process from "node:process";
import { sign } from "imggo-webhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listeningUrl, type Process, root, startProcess } from "./support/process.ts";

const secret = "a secret of 25 characters";

/** A checkout whose configuration imports the package, as that of a user does. */
let checkout: string;
let scripts: Readonly<Record<string, string>>;
beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  for (const name of ["src", "node_modules", "package.json", "tsconfig.json", "deno.json"]) {
    await symlink(join(root, name), join(checkout, name));
  }
  await writeFile(
    join(checkout, "imggo.config.ts"),
    `import { defineConfig } from "imggo-webhooks";
    export default defineConfig({
      storage: "memory:",
      processors: { print: ({ data }) => console.log("seen " + data.job_id) },
    });`,
  );
  scripts = JSON.parse(await readFile(join(root, "package.json"), "utf8")).scripts;
});
afterAll(() => rm(checkout, { recursive: true }));

/** Runs a script as npm does. */
function runScript(name: string, args = ""): Process {
  const PATH = `${join(root, "node_modules/.bin")}${delimiter}${process.env["PATH"]}`;
  return startProcess(["sh", "-c", `${scripts[name]} ${args}`], {
    cwd: checkout,
    env: { PATH, WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0" },
  });
}

test.each(["start", "start:bun", "start:deno", "dev"])(
  "npm run %s serves what the configuration says, until a signal ends it",
  async (name) => {
    const server = runScript(name);
    const url = await listeningUrl(server);
    const body = '{"event":"job.completed","job_id":"j-1","result":1}';
    const headers = { "X-ImgGo-Signature": await sign(body, secret) };
    expect((await fetch(url, { method: "POST", headers, body })).status).toBe(200);
    await server.prints(/seen j-1/);
    expect(await server.end("SIGTERM")).toBe(0);
  },
);

test("npm run cli runs a verb", async () => {
  const cli = runScript("cli", "--version");
  expect(await cli.ended).toBe(0);
  expect(cli.output()).toMatch(/^\d+\.\d+\.\d+\n$/);
});
