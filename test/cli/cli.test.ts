import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sign } from "imggo-webhooks";
import { type Finished, runCli, startCli } from "../support/command-line.ts";
import { listeningUrl, type Process, root } from "../support/process.ts";
import { type Sink, startSink } from "../support/sink.ts";

const secret = "a secret of 25 characters";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
});
afterAll(() => rm(cwd, { recursive: true }));

/** How a command is run; by default in the folder that all tests here share. */
interface RunOptions {
  readonly folder?: string;
  readonly input?: AsyncIterable<string>;
}

const cli = (
  args: readonly string[],
  env: Record<string, string> = {},
  { folder = cwd, ...options }: RunOptions = {},
): Process => startCli(args, { ...options, cwd: folder, env });

const run = async (
  args: readonly string[],
  env: Record<string, string> = {},
  { folder = cwd, ...options }: RunOptions = {},
): Promise<Finished> => await runCli(args, { ...options, cwd: folder, env });

/** A folder of a test's own. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe("dev and trigger", () => {
  let sink: Sink;
  let dev: Process;
  let url: string;

  beforeAll(async () => {
    sink = await startSink();
    dev = cli(["dev"], { PORT: "0", FORWARD_URL: sink.url });
    url = await listeningUrl(dev);
    await dev.prints(/trigger job\.succeeded/);
  });
  afterAll(async () => {
    expect(await dev.end("SIGINT")).toBe(0);
    await sink.close();
  });

  const triggered = async (...args: readonly string[]) => {
    const { code, lines } = await run(["trigger", ...args, "--json"]);
    return { code, answers: lines.map((line) => JSON.parse(line)) };
  };

  test("dev prints its URLs and the next command, listens on this machine only, and keeps its secret", async () => {
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/webhook$/);
    expect(dev.output()).toMatch(/Webhook +http:\/\/127\.0\.0\.1:\d+\/webhook\n/);
    expect(dev.output()).toMatch(
      /Admin +http:\/\/127\.0\.0\.1:\d+\/admin\n +Token +[0-9a-f]{48}\n/,
    );
    const file = join(cwd, ".imggo-webhooks", "dev.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(cwd, "imggo-webhooks.db"))).size).toBeGreaterThan(0);
  });

  test("trigger without further arguments reaches dev, which processes the event", async () => {
    const { code, output } = await run(["trigger", "job.succeeded"]);
    expect(code).toBe(0);
    const [, id = ""] = /^200 received (evt_\w+) \d+ ms$/.exec(output.trim()) ?? [];
    await sink.received(id);
    await dev.prints(new RegExp(`"delivery succeeded","id":"${id}"`));
  });

  test.each(["nested", "manifest", "result"])(
    "trigger --dialect %s ends as the canonical event",
    async (dialect) => {
      const succeeded = await triggered("job.succeeded", "--dialect", dialect);
      const event = JSON.parse((await sink.received(succeeded.answers[0].id)).body);
      expect(event).toMatchObject({
        event: "job.succeeded",
        data: { status: "succeeded", result: { vendor: "Café Zürich", total: 12.5 } },
      });
      const failed = await triggered("job.failed", "--dialect", dialect);
      const failure = JSON.parse((await sink.received(failed.answers[0].id)).body);
      expect(failure).toMatchObject({
        event: "job.failed",
        data: { status: "failed", error: { message: "Image could not be read" } },
      });
    },
  );

  test("trigger --result sends that result", async () => {
    await writeFile(join(cwd, "result.json"), '{"_raw":"a: 1","_format":"yaml"}');
    const { answers: [answer] } = await triggered("job.succeeded", "--result", "result.json");
    const event = JSON.parse((await sink.received(answer.id)).body);
    expect(event.data.result).toEqual({ _raw: "a: 1", _format: "yaml" });
    await writeFile(join(cwd, "result.yaml"), "a: 1");
    const refused = await run(["trigger", "job.succeeded", "--result", "result.yaml"]);
    expect(refused).toMatchObject({ code: 2, lines: [expect.stringContaining("file of JSON")] });
  });

  test("trigger --duplicates 5 is processed once", async () => {
    const { code, answers } = await triggered("job.succeeded", "--duplicates", "5");
    expect(code).toBe(0);
    expect(answers.map(({ status }) => status).sort()).toEqual([
      ...Array(5).fill("duplicate"),
      "received",
    ]);
    const { id } = answers[0];
    await sink.received(id);
    const after = await triggered("job.succeeded");
    await sink.received(after.answers[0].id);
    expect(sink.requests.filter(({ headers }) => headers["idempotency-key"] === id)).toHaveLength(
      1,
    );
  });

  test("trigger --count sends so many events and sums up", async () => {
    const { code, lines } = await run(["trigger", "job.succeeded", "--count", "40"]);
    expect(code).toBe(0);
    expect(lines).toHaveLength(41);
    expect(lines.at(-1)).toBe("40 received");
  });

  test("trigger --forge is refused", async () => {
    const { code, answers } = await triggered("job.succeeded", "--forge");
    expect({ code, answers }).toMatchObject({
      code: 0,
      answers: [{ http_status: 401, code: "invalid_signature" }],
    });
  });

  test("trigger --forge takes no other refusal for the one it wants to see", async () => {
    const broken = await startSink(() => 503);
    const { code } = await run(["trigger", "job.succeeded", "--forge", "--to", broken.url]);
    await broken.close();
    expect(code).toBe(1);
    expect(broken.requests).toHaveLength(1);
  });

  test("trigger with another secret than the receiver's says so, beside its answers", async () => {
    const { code, lines, errors } = await run(
      ["trigger", "job.succeeded", "--to", url, "--json"],
      { WEBHOOK_SECRET: "another secret of ours" },
    );
    expect(code).toBe(1);
    expect(errors).toBe("The receiver expects another secret than the one of WEBHOOK_SECRET.\n");
    const [answer] = lines.filter((line) => line.startsWith("{"));
    expect(JSON.parse(answer ?? "")).toMatchObject({ http_status: 401, code: "invalid_signature" });
  });

  test("trigger goes to the port of PORT, and is told from what is no receiver", async () => {
    const paths: (string | undefined)[] = [];
    const plain = createServer((request, response) => {
      paths.push(request.url);
      response.end("hi");
    });
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void plain.close());
    const PORT = String((plain.address() as AddressInfo).port);
    const { code, output } = await run(["trigger", "job.succeeded"], { PORT });
    expect(code).toBe(1);
    expect(output).toMatch(/^200 not a receiver of this kind \d+ ms\n$/);
    expect((await run(["trigger", "job.failed"], { PORT, WEBHOOK_PATH: "/in" })).code).toBe(1);
    expect(paths).toEqual(["/webhook", "/in"]);
  });

  test("trigger --to takes no other scheme than http and https", async () => {
    for (const to of ["ftp://x", "localhost:5000", "http://"]) {
      const { code, lines } = await run(["trigger", "job.succeeded", "--to", to]);
      expect(lines).toEqual([`--to expects an http: or https: URL, got ${to}`]);
      expect(code).toBe(2);
    }
  });

  test("dev with WEBHOOK_SECRET keeps the secret it made, and trigger expects the other", async () => {
    const folder = await newFolder();
    const settings = { PORT: "0", STORAGE_URL: "memory:" };
    const session = async () =>
      JSON.parse(await readFile(join(folder, ".imggo-webhooks", "dev.json"), "utf8"));
    const first = cli(["dev"], settings, { folder });
    await first.prints(/trigger job\.succeeded/);
    expect(await first.end("SIGTERM")).toBe(0);
    const { secret: made } = await session();
    expect(made).toMatch(/^[0-9a-f]{64}$/);

    const second = cli(["dev"], { ...settings, WEBHOOK_SECRET: secret }, { folder });
    await second.prints(/trigger job\.succeeded/);
    expect(await session()).toMatchObject({ secret: made, usesSecret: false });
    expect(await run(["trigger", "job.succeeded"], {}, { folder })).toMatchObject({
      code: 2,
      lines: [
        "Expected WEBHOOK_SECRET in the environment: the one that `dev` was started with.",
      ],
    });
    const known = await run(["trigger", "job.succeeded"], { WEBHOOK_SECRET: secret }, { folder });
    expect(known).toMatchObject({ code: 0, output: expect.stringMatching(/^200 received /) });
    expect(await second.end("SIGTERM")).toBe(0);
  });

  test("dev takes a secret that is undefined in its configuration as not given", async () => {
    const folder = await newFolder();
    await writeFile(
      join(folder, "imggo.config.mjs"),
      "export default { secret: undefined, host: undefined };",
    );
    const child = cli(["dev"], { PORT: "0", STORAGE_URL: "memory:" }, { folder });
    expect(new URL(await listeningUrl(child)).hostname).toBe("127.0.0.1");
    expect(await child.end("SIGTERM")).toBe(0);
  });

  test("trigger job.queued is ignored", async () => {
    expect((await triggered("job.queued")).answers).toMatchObject([{ status: "ignored" }]);
  });

  test("trigger says in one line that nothing answers", async () => {
    const { code, lines } = await run(["trigger", "job.succeeded", "--to", "http://127.0.0.1:9/"]);
    expect(code).toBe(1);
    expect(lines).toEqual([expect.stringMatching(/^No answer from http:\/\/127\.0\.0\.1:9\//)]);
  });

  test("a second server on the port says that it is taken", async () => {
    const { code, output } = await run(["dev"], { PORT: new URL(url).port });
    expect(code).toBe(1);
    expect(output).toMatch(/^Cannot listen on 127\.0\.0\.1, port \d+: something else listens/);
  });
});

describe("sign and verify", () => {
  const env = { WEBHOOK_SECRET: secret };

  test("sign prints a file's signature, and verify knows it", async () => {
    const file = join(cwd, "body.json");
    await writeFile(file, "ü\n");
    const signature = await sign("ü\n", secret);
    expect(await run(["sign", file], env)).toMatchObject({ code: 0, output: `${signature}\n` });
    const valid = await run(["verify", file, "--signature", signature], env);
    expect(valid).toMatchObject({ code: 0, output: "valid\n" });
    const json = await run(["verify", file, "--signature", "sha256=0", "--json"], env);
    expect(json).toMatchObject({ code: 1, output: '{"valid":false}\n' });
    const previous = { WEBHOOK_SECRET: "another secret of ours", WEBHOOK_SECRET_PREVIOUS: secret };
    expect(await run(["verify", file, "--signature", signature], previous)).toMatchObject({
      code: 0,
    });
  });

  test("sign and verify wait for a standard input that comes slowly", async () => {
    async function* slowly() {
      for (const part of ["ü", "\n"]) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        yield part;
      }
    }
    const signature = await sign("ü\n", secret);
    const [signed, verified] = await Promise.all([
      run(["sign", "-"], env, { input: slowly() }),
      run(["verify", "-", "--signature", signature], env, { input: slowly() }),
    ]);
    expect(signed).toMatchObject({ code: 0, output: `${signature}\n` });
    expect(verified).toMatchObject({ code: 0, output: "valid\n" });
  });

  test("a missing file and a weak secret are one sentence each", async () => {
    expect(await run(["sign", "no-such-file"], env)).toMatchObject({
      code: 1,
      lines: ["Cannot use no-such-file: there is no such file."],
    });
    expect(await run(["sign", `${root}package.json`], { WEBHOOK_SECRET: "only-15-letters" }))
      .toMatchObject({
        code: 2,
        lines: ["WEBHOOK_SECRET: expected at least 16 characters, got 15"],
      });
  });
});

describe("wrong use", () => {
  test.each([
    [[]],
    [["unknown"]],
    [["trigger"]],
    [["trigger", "job.exploded"]],
    [["trigger", "job.failed", "--dialect", "other"]],
    [["trigger", "job.failed", "--count", "0"]],
    [["verify", "x"]],
    [["serve", "--role", "boss"]],
    [["serve"]],
    [["serve", "--config", "no-such-file.ts"]],
  ])("ends with 2: %j", async (args) => {
    const { code, output } = await run(args, { PORT: "0" });
    expect(code).toBe(2);
    expect(output).not.toMatch(/^\s+at .+:\d+:\d+/m);
  });

  test.each([
    [["unknown"], /unknown command 'unknown'/],
    [["trigger"], /missing required argument/],
    [["trigger", "job.failed", "--count", "0"], /whole number from 1/],
    [["trigger", "job.failed"], /^Expected WEBHOOK_SECRET/],
    [["serve", "--role", "boss"], /ROLE: expected one of/],
  ])("ends with 2 and one JSON object, where that is asked for: %j", async (args, expected) => {
    const folder = await newFolder();
    const { code, lines, errors } = await run([...args, "--json"], { PORT: "0" }, { folder });
    expect(code).toBe(2);
    expect(lines).toEqual([errors.trim()]);
    expect(JSON.parse(errors)).toEqual({ error: expect.stringMatching(expected) });
  });

  test.each([[["--help"]], [["trigger", "--help"]], [["--version"]]])(
    "ends with 0: %j",
    async (args) => {
      expect((await run(args)).code).toBe(0);
    },
  );
});

describe("serve --config", () => {
  test("takes settings and processors of a TypeScript file, below the environment's", async () => {
    const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    await writeFile(
      join(folder, "settings.ts"),
      `import type { Config } from "imggo-webhooks";
      const config: Config = {
        port: 1,
        path: "/hook",
        storage: "memory:",
        processors: { print: (event) => console.log("seen " + event.data.job_id) },
      };
      export default config;`,
    );
    const server = cli(["serve", "--config", join(folder, "settings.ts")], {
      WEBHOOK_SECRET: secret,
      HOST: "127.0.0.1",
      PORT: "0",
    });
    const url = await listeningUrl(server);
    expect(new URL(url).pathname).toBe("/hook");
    const body = '{"event":"job.completed","job_id":"j-1","result":1}';
    const headers = { "X-ImgGo-Signature": await sign(body, secret) };
    expect((await fetch(url, { method: "POST", headers, body })).status).toBe(200);
    await server.prints(/seen j-1/);
    expect(await server.end("SIGTERM")).toBe(0);
    await rm(folder, { recursive: true });
  });

  const mistakes: Readonly<Record<string, readonly [text: string | undefined, expected: RegExp]>> =
    {
      "a list": ["export default [];", /expected `export default defineConfig/],
      "a promise": ["export default Promise.resolve({});", /expected `export default defineConfig/],
      "an instance": ["export default new (class Config {})();", /expected `export default define/],
      "a function": ["export default () => ({});", /expected `export default defineConfig/],
      "nothing": ["export const config = {};", /expected `export default defineConfig/],
      "no file": [undefined, /there is no such file/],
      "half an object": ["export default {", /cannot be loaded: /],
      "an import of nothing": ['import "./nothing.mjs";', /cannot be loaded: .*nothing\.mjs/],
      "an error": ['throw new Error("no database");', /cannot be loaded: no database/],
      "null, thrown": ["throw null;", /cannot be loaded: null/],
    };
  for (const [what, [text, expected]] of Object.entries(mistakes)) {
    test(`ends with 2 and one message where the file is ${what}`, async () => {
      const folder = await newFolder();
      if (text !== undefined) await writeFile(join(folder, "settings.mjs"), text);
      const args = ["serve", "--config", "settings.mjs"];
      const env = { WEBHOOK_SECRET: secret, PORT: "0", STORAGE_URL: "memory:" };
      const { code, lines, errors } = await run(args, env, { folder });
      expect(code).toBe(2);
      expect(lines).toEqual([
        "A setting is wrong:",
        expect.stringMatching(/^ {2}(?:--config )?settings\.mjs: /),
      ]);
      expect(lines[1]).toMatch(expected);
      const json = await run([...args, "--json"], env, { folder });
      expect(json.code).toBe(2);
      expect(json.lines).toHaveLength(1);
      expect(JSON.parse(json.errors)).toEqual({ error: errors.trimEnd() });
    });
  }
});
