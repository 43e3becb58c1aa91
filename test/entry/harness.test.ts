import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import { adminToken } from "./admin-contract.ts";
import { secret } from "./contract.ts";

test("the deployment README has a harness that judges a server from outside, and finds a wrong secret", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const document = await readFile(join(root, "src/entry/README.md"), "utf8");
  const [[, code = ""] = []] = document.matchAll(/^```js\n([^]*?)^```$/gm);
  await writeFile(join(cwd, "harness.mjs"), code);
  const server = startProcess([...runtimes.node, `${root}src/entry/node.ts`], {
    cwd,
    env: { WEBHOOK_SECRET: secret, ADMIN_TOKEN: adminToken, HOST: "127.0.0.1", PORT: "0" },
  });
  const url = await listeningUrl(server);
  const judge = (WEBHOOK_SECRET: string) =>
    startProcess([...runtimes.node, "harness.mjs"], {
      cwd,
      env: { WEBHOOK_URL: url, WEBHOOK_SECRET, ADMIN_TOKEN: adminToken },
    });
  const sound = judge(secret);
  expect(await sound.ended, sound.output()).toBe(0);
  expect(sound.output()).toContain("stored once, processed once");
  const unsound = judge("not the secret of the server");
  expect(await unsound.ended).toBe(1);
  expect(unsound.output()).toContain("AssertionError");
  expect(await server.end("SIGTERM")).toBe(0);
});
