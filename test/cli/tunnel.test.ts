import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runCli, startCli } from "../support/command-line.ts";
import { createSender } from "../support/imggo-sender.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";

let service: ImgGoService;
let folder: string;

beforeEach(async () => {
  service = await startImgGoService();
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
});
afterEach(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

// What is at ngrok's other end cannot be reached by a test: this tunnel ends on this machine.
const tunnel = `export default {
  async forward({ addr, authtoken }) {
    if (authtoken === "refused") throw new Error("authentication failed: ERR_NGROK_105");
    return {
      url: () => "http://127.0.0.1:" + addr,
      close: async () => console.log("tunnel closed"),
    };
  },
};`;

/** The environment of a process in which the package `@ngrok/ngrok` is this module; null: missing. */
async function withNgrok(module: string | null): Promise<Record<string, string>> {
  const url = module === null ? null : `data:text/javascript,${encodeURIComponent(module)}`;
  const hook = join(folder, "hook.mjs");
  await writeFile(
    hook,
    `import { registerHooks } from "node:module";
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier !== "@ngrok/ngrok") return next(specifier, context);
        const url = ${JSON.stringify(url)};
        if (url === null) throw new Error("Cannot find package '@ngrok/ngrok'");
        return { url, format: "module", shortCircuit: true };
      },
    });`,
  );
  return { NODE_OPTIONS: `--import=${pathToFileURL(hook).href}`, PORT: "0" };
}

const key = () => ({ IMGGO_API_KEY: service.apiKey, IMGGO_BASE_URL: service.baseUrl });

describe("dev --tunnel", () => {
  test("receives what ImgGo sends, registered for as long as it runs", async () => {
    const env = { ...await withNgrok(tunnel), ...key(), NGROK_AUTHTOKEN: "token" };
    const dev = startCli(["dev", "--tunnel"], { cwd: folder, env });
    onTestFinished(async () => void await dev.end("SIGKILL"));
    const [, url = ""] = await dev.prints(/Public\s+(\S+) \(registered at ImgGo/);
    expect(service.webhooks).toMatchObject([{ url, events: ["job.succeeded", "job.failed"] }]);

    const sender = createSender(service);
    await sender.succeed(service.addJob(), { total: 12.5 });
    expect(sender.sent).toMatchObject([{ url, outcome: 200 }]);
    await dev.prints(/delivery succeeded/);

    expect(await dev.end("SIGTERM")).toBe(0);
    expect(dev.output()).toContain("tunnel closed");
    expect(service.webhooks).toEqual([]);
  });

  test("without a key opens the tunnel, and says that nothing is registered", async () => {
    const env = { ...await withNgrok(tunnel), NGROK_AUTHTOKEN: "token" };
    const dev = startCli(["dev", "--tunnel", "--json"], { cwd: folder, env });
    onTestFinished(async () => void await dev.end("SIGKILL"));
    await dev.prints(/\{"public_url":"http:\/\/127\.0\.0\.1:\d+\/webhook","webhook_id":null\}/);
    expect(await dev.end("SIGTERM")).toBe(0);
    expect(service.requests).toEqual([]);
  });

  test.each<[string, string | null, Record<string, string>, RegExp]>([
    ["the package is missing", null, { NGROK_AUTHTOKEN: "token" }, /npm install @ngrok\/ngrok/],
    ["the token is not set", tunnel, {}, /expects NGROK_AUTHTOKEN/],
    ["ngrok refuses", tunnel, { NGROK_AUTHTOKEN: "refused" }, /opened no tunnel: .*ERR_NGROK_105/],
  ])("ends with one sentence, and another way, where %s", async (_, module, more, expected) => {
    const env = { ...await withNgrok(module), ...key(), ...more };
    const { code, output } = await runCli(["dev", "--tunnel"], { cwd: folder, env });
    expect(code).toBe(1);
    expect(output).toMatch(expected);
    expect(output).toMatch(/register --url https/);
    expect(output).not.toMatch(/^\s+at /m);
    expect(service.requests).toEqual([]);
  });

  test("closes the tunnel where ImgGo registers nothing, and says why", async () => {
    const env = { ...await withNgrok(tunnel), ...key(), NGROK_AUTHTOKEN: "token" };
    const wrong = { ...env, IMGGO_API_KEY: "another-key" };
    const { code, output } = await runCli(["dev", "--tunnel"], { cwd: folder, env: wrong });
    expect(code).toBe(1);
    expect(output).toContain("tunnel closed");
    expect(output).toMatch(/IMGGO_API_KEY/);
    expect(output).not.toMatch(/^\s+at /m);
  });
});
