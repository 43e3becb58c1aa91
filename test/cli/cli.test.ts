import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sign } from "imggo-webhooks";
import { listeningUrl, type Process, root, runtimes, startProcess } from "../support/process.ts";
import { type Sink, startSink } from "../support/sink.ts";

const secret = "a secret of 25 characters";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
});
afterAll(() => rm(cwd, { recursive: true }));

function cli(args: readonly string[], env: Record<string, string> = {}): Process {
  return startProcess([...runtimes.node, `${root}src/cli/main.ts`, ...args], { cwd, env });
}

async function run(args: readonly string[], env?: Record<string, string>) {
  const child = cli(args, env);
  const code = await child.ended;
  const output = child.output();
  const lines = output.trim().split("\n");
  return { code, output, lines };
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
    expect(output).not.toMatch(/^\s+at /m);
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
});
