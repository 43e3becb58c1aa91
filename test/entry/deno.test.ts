import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Process, root, runtimes, startProcess } from "../support/process.ts";
import { secret } from "./contract.ts";

const entry = `${root}src/entry/deno.ts`;

const env = { WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0" };

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** Starts the entry on Deno with a cron of the test's, which runs a job at once. */
async function start(role: "all" | "receiver"): Promise<Process> {
  const cwd = await makeFolder();
  // Counts who asks for what is due. The worker of the server itself is one of them.
  const config = `export default {
    storage: {
      ping() {}, accept() {}, close() {},
      claim: async () => (console.log("claim"), { claims: [], exhausted: [] }),
    },
  };`;
  await writeFile(join(cwd, "imggo.config.mjs"), config);
  const main = `Object.defineProperty(Deno, "cron", {
    value: async (name, schedule, job) => {
      console.log("registered", name, schedule);
      await job();
      console.log("swept");
    },
  });
  await import(${JSON.stringify(entry)});`;
  await writeFile(join(cwd, "main.js"), main);
  const command = [...runtimes.deno, join(cwd, "main.js")];
  return startProcess(command, { cwd, env: { ...env, ROLE: role } });
}

test("the deno entry sweeps once a minute, and waits for the server to do it", async () => {
  const child = await start("all");
  await child.prints(/^swept$/m);
  const [registered, listening, swept] = [
    /^registered imggo-webhooks sweep \* \* \* \* \*$/m,
    /"message":"listening"/,
    /^swept$/m,
  ].map((line) => child.output().search(line));
  expect(registered).toBe(0);
  expect(listening).toBeGreaterThan(registered ?? 0);
  expect(swept).toBeGreaterThan(listening ?? 0);
  expect(child.output().match(/^claim$/mg)?.length).toBeGreaterThanOrEqual(2);
  expect(await child.end("SIGTERM")).toBe(0);
});

test("the deno entry sweeps nothing where it only receives", async () => {
  const child = await start("receiver");
  await child.prints(/^swept$/m);
  expect(await child.end("SIGTERM")).toBe(0);
  expect(child.output()).not.toMatch(/^claim$/m);
});

test("the deno entry says how Deno KV is switched on", async () => {
  const cwd = await makeFolder();
  const [deno = ""] = runtimes.deno;
  // Without the configuration of the checkout nothing unstable is.
  const command = [deno, "run", "-A", "--no-config", "--node-modules-dir=manual", entry];
  const child = startProcess(command, { cwd, env: { ...env, STORAGE_URL: "kv:" } });
  expect(await child.ended).toBe(1);
  expect(child.output()).toMatch(/^Deno KV is not switched on: .*--unstable-kv\.\n$/);
});

test("the deno entry ends where the file of its Deno KV is damaged, and leaves it as it is", async () => {
  const cwd = await makeFolder();
  const path = join(cwd, "events.kv");
  const damaged = "no file of Deno KV".repeat(1_000);
  await writeFile(path, damaged);
  const command = [...runtimes.deno, entry];
  const child = startProcess(command, { cwd, env: { ...env, STORAGE_URL: `kv:${path}` } });
  expect(await child.ended).toBe(1);
  expect(child.output()).toMatch(/^Deno KV: file is not a database\. .*restore it\.\n$/);
  expect(await readFile(path, "utf8")).toBe(damaged);
});
