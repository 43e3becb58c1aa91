import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sign } from "imggo-webhooks";
import { listeningUrl, root, runtimes, startProcess } from "../support/process.ts";
import { describeEntry, secret } from "./contract.ts";

for (const [name, command] of Object.entries(runtimes)) {
  const entry = [...command, `${root}src/entry/${name}.ts`];

  const start = async (env: Record<string, string>) => {
    const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    const child = startProcess(entry, { cwd, env: { HOST: "127.0.0.1", PORT: "0", ...env } });
    const remove = () => rm(cwd, { recursive: true });
    return { child, remove };
  };

  describeEntry(`the ${name} entry`, async (forwardUrl) => {
    const { child, remove } = await start({
      WEBHOOK_SECRET: secret,
      FORWARD_URL: forwardUrl,
      FORWARD_SECRET: secret,
      FORWARD_ALLOW_PRIVATE: "true",
      LOG_LEVEL: "debug",
    });
    return {
      url: await listeningUrl(child),
      output: child.output,
      async stop() {
        expect(await child.end("SIGTERM")).toBe(0);
        await remove();
      },
    };
  });

  describe(`the ${name} entry as a process`, () => {
    test.each(["SIGTERM", "SIGINT"] as const)("%s ends it cleanly, within 5 s", async (signal) => {
      const { child, remove } = await start({ WEBHOOK_SECRET: secret });
      const url = await listeningUrl(child);
      const body = '{"event":"job.completed","job_id":"j-1","result":1}';
      const headers = { "X-ImgGo-Signature": await sign(body, secret) };
      const response = await fetch(url, { method: "POST", headers, body });
      expect(response.status).toBe(200);
      const startedAt = performance.now();
      expect(await child.end(signal)).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(child.output()).toContain('"message":"stopped"');
      await remove();
    });

    test.each([
      ["no secret", {}, /WEBHOOK_SECRET: expected the secret/],
      ["a short one", { WEBHOOK_SECRET: "only-15-letters" }, /at least 16 characters, got 15/],
      [
        "several bad settings",
        { WEBHOOK_SECRET: "short", PORT: "http", ROLE: "boss" },
        /WEBHOOK_SECRET: [\s\S]*PORT: [\s\S]*ROLE: /,
      ],
    ])("ends with 2 and says what is wanted: %s", async (_, env, expected) => {
      const { child, remove } = await start(env);
      expect(await child.ended).toBe(2);
      expect(child.output()).toMatch(expected);
      expect(child.output()).not.toContain("only-15-letters");
      await remove();
    });

    test("ends with 1 and one sentence where its storage cannot be opened", async () => {
      const { child, remove } = await start({
        WEBHOOK_SECRET: secret,
        STORAGE_URL: "sqlite:./no-such-folder/x.db",
      });
      expect(await child.ended).toBe(1);
      expect(child.output().trim().split("\n")).toHaveLength(1);
      expect(child.output()).toMatch(/no-such-folder.*folder that is there/);
      await remove();
    });
  });
}
