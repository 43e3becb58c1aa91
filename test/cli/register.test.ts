import { mkdirSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Finished, runCli } from "../support/command-line.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";

let service: ImgGoService;
let folder: string;
const url = "https://example.com/webhook";

beforeEach(async () => {
  service = await startImgGoService();
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
});
afterEach(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

async function* once(text: string) {
  yield text;
}

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  input?: string,
): Promise<Finished> {
  const settings = { IMGGO_API_KEY: service.apiKey, IMGGO_BASE_URL: service.baseUrl };
  const finished = await runCli(args, {
    cwd: folder,
    env: { ...settings, ...env },
    ...(input !== undefined && { input: once(input) }),
  });
  expect(finished.output).not.toMatch(/^\s+at /m);
  return finished;
}

const register = (...args: readonly string[]) => run(["register", "--url", url, ...args]);
const asked = () => service.requests.map(({ method }) => method).join(" ");
const file = (name = ".env") => join(folder, name);
const saved = async (name?: string) => await readFile(file(name), "utf8");

describe("register", () => {
  test("registers a webhook and prints its secret, with what to do", async () => {
    const { code, lines, errors } = await register();
    const [webhook] = service.webhooks;
    expect(webhook).toMatchObject({ url, events: ["job.succeeded", "job.failed"] });
    expect(lines.slice(0, 2)).toEqual([
      `registered  ${webhook?.id}`,
      `  WEBHOOK_SECRET=${webhook?.secret}`,
    ]);
    expect(errors).toBe("ImgGo shows this secret once: start the receiver with it.\n");
    expect(code).toBe(0);
  });

  test("a second time finds the webhook, and does not register another", async () => {
    await register();
    const { code, lines } = await register();
    const [{ id } = { id: "" }, ...others] = service.webhooks;
    expect({ code, lines, others }).toEqual({
      code: 0,
      lines: [
        `already registered  ${id}`,
        "Its secret cannot be shown again; if it is lost, delete it with " +
        `\`npm run cli -- webhooks delete ${id}\` and register it again.`,
      ],
      others: [],
    });
    expect(asked()).toBe("GET POST GET");
  });

  test("prints one JSON object", async () => {
    const { code, lines, errors } = await register("--json", "--events", "job.failed, job.queued");
    const [webhook] = service.webhooks;
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      outcome: "created",
      id: webhook?.id,
      url,
      events: ["job.failed", "job.queued"],
      secret: webhook?.secret,
    });
    expect(JSON.parse(errors)).toEqual({ warning: expect.stringContaining("once") });
    expect(code).toBe(0);
    const again = await register("--json", "--events", "job.queued,job.failed");
    expect(JSON.parse(again.lines[0] ?? "")).toMatchObject({ outcome: "unchanged" });
  });

  test("--secret registers with that secret, from standard input too", async () => {
    await register("--secret", "a secret of our own");
    await run(
      ["register", "--url", "https://example.com/in", "--secret", "-"],
      { WEBHOOK_PATH: "/in" },
      "another secret of our own\n",
    );
    expect(service.webhooks).toMatchObject([
      { secret: "a secret of our own" },
      { secret: "another secret of our own" },
    ]);
  });

  test("shows what differs, and changes nothing", async () => {
    service.addWebhook({ url, id: "w-1", events: ["job.queued", "job.failed"], active: false });
    const { code, lines } = await register();
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        "registered in another way  w-1",
        "  - job.queued",
        "  + job.succeeded",
        "  - inactive",
        "  + active",
        expect.stringMatching(/^ImgGo changes no webhook: --fix deletes this one /),
      ],
    });
    expect(service.webhooks).toMatchObject([{ id: "w-1" }]);
    const json = await register("--json");
    expect(JSON.parse(json.lines[0] ?? "")).toMatchObject({
      outcome: "drifted",
      drift: [{ field: "events" }, { field: "active", is: false, wanted: true }],
    });
  });

  test("--fix deletes what differs, and registers it anew", async () => {
    const { secret } = service.addWebhook({ url, id: "w-1", active: false });
    await writeFile(file(), `WEBHOOK_SECRET=${secret}\n`);
    const { code, lines } = await register("--fix", "--save", ".env");
    const [webhook] = service.webhooks;
    expect(service.webhooks).toMatchObject([{ url, active: true }]);
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [
        `registered anew  ${webhook?.id}`,
        "  WEBHOOK_SECRET is in .env",
        "The secret before it is WEBHOOK_SECRET_PREVIOUS now.",
        expect.stringContaining("Start the receiver anew"),
      ],
    });
    expect(await saved())
      .toBe(`WEBHOOK_SECRET=${webhook?.secret}\nWEBHOOK_SECRET_PREVIOUS=${secret}\n`);
    expect((await register("--fix")).lines[0]).toBe(`already registered  ${webhook?.id}`);
  });

  test("says that it deleted the webhook where it cannot register it anew", async () => {
    service.addWebhook({ url, active: false });
    service.faults.push({ method: "POST", kind: { status: 403, code: "PLAN_LIMIT_EXCEEDED" } });
    const { code, lines } = await register("--fix");
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        expect.stringMatching(/^The webhook was deleted, and could not .* The limit of your/),
      ],
    });
  });

  test("says that the secret is lost where ImgGo's answer was", async () => {
    service.faults.push({ method: "POST", kind: "drop", done: true });
    const { code, lines } = await register();
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        `registered  ${service.webhooks[0]?.id}`,
        expect.stringMatching(
          /^ImgGo's answer was lost, .* delete it with .* and register it again/,
        ),
      ],
    });
  });

  test("warns of a path that the receiver does not have, and of a host that nobody reaches", async () => {
    const { code, errors } = await run(["register", "--url", "https://localhost/hook"]);
    expect(errors).toMatch(
      /^The path \/hook is not \/webhook, .*\nImgGo cannot reach localhost, which is private\.\n/,
    );
    expect(code).toBe(0);
    await writeFile(file("imggo.config.mjs"), 'export default { path: "/hook" };');
    const own = await run(["register", "--url", "https://example.com/hook"]);
    expect(own.errors).not.toContain("The path");
  });

  test.each([
    ["http://example.com/webhook", /https: URL; --allow-http takes it/],
    ["ftp://example.com/webhook", /https: URL$/],
    ["example.com/webhook", /a whole URL/],
    ["https://user:canary@example.com/webhook", /without credentials/],
    ["https://example.com/webhook#part", /without a fragment/],
  ])("refuses %s", async (bad, expected) => {
    const { code, lines, output } = await run(["register", "--url", bad]);
    expect({ code, lines }).toEqual({ code: 2, lines: [expect.stringMatching(expected)] });
    expect(output).not.toContain("canary");
    expect(service.requests).toEqual([]);
  });

  test("--allow-http takes http:", async () => {
    const { code } = await run(["register", "--url", "http://example.com/webhook", "--allow-http"]);
    expect(code).toBe(0);
    expect(service.webhooks).toMatchObject([{ url: "http://example.com/webhook" }]);
  });

  test.each([
    [["register"], {}, 2, /required option '--url <url>'/],
    [["register", "--url", url, "--events", ","], {}, 2, /at least one event/],
    [["register", "--url", url, "--secret", "too short"], {}, 2, /at least 16/],
    [["register", "--url", url], { IMGGO_API_KEY: "" }, 2, /IMGGO_API_KEY: .* not set/],
    [["register", "--url", url], { IMGGO_API_KEY: "wrong-canary" }, 1, /does not know the API key/],
    [["register", "--url", url], { IMGGO_BASE_URL: "http://img-go.com" }, 2, /IMGGO_BASE_URL: /],
    [
      ["register", "--url", url],
      { IMGGO_BASE_URL: "http://127.0.0.1:9" },
      1,
      /could not be reached/,
    ],
  ])("explains in a sentence what is wrong: %j %j", async (args, env, expected, sentence) => {
    const { code, output } = await run(args, env);
    expect(code).toBe(expected);
    expect(output).toMatch(sentence);
    expect(output).not.toContain("canary");
    const json = await run([...args, "--json"], env);
    expect(json).toMatchObject({ code: expected, output: json.errors });
    expect(JSON.parse(json.errors)).toEqual({ error: expect.stringMatching(sentence) });
  });
});

describe("register --save", () => {
  test("writes a new env file, for its owner only, and prints no secret", async () => {
    const { code, output } = await register("--save", ".env");
    const secret = service.webhooks[0]?.secret ?? "";
    expect(code).toBe(0);
    expect(output).not.toContain(secret);
    expect(await saved()).toBe(`WEBHOOK_SECRET=${secret}\n`);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual([".env"]);
    const again = await register("--save", ".env");
    expect({ code: again.code, text: await saved() })
      .toEqual({ code: 0, text: `WEBHOOK_SECRET=${secret}\n` });
  });

  test("leaves every other line of an env file as it was", async () => {
    const before = [
      "# the receiver, Zürich",
      "PORT=8080 # behind the proxy",
      `export NOTE='two lines, and no secret:`,
      "WEBHOOK_SECRET=not-this-one-in-quotes'",
      'DATABASE_URL="postgres://u:p@h/d?x=#1"',
      "",
      "  WEBHOOK_SECRET = 'the secret of before' # of ImgGo",
      "LOG_LEVEL=debug",
    ];
    await writeFile(file(), before.join("\r\n"));
    await chmod(file(), 0o644);
    expect((await register("--save", ".env")).code).toBe(0);
    const { secret } = service.webhooks[0] ?? {};
    expect(await saved()).toBe([
      ...before.slice(0, 6),
      `  WEBHOOK_SECRET = '${secret}' # of ImgGo`,
      "  WEBHOOK_SECRET_PREVIOUS='the secret of before'",
      "LOG_LEVEL=debug",
    ].join("\r\n"));
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  test("says that a previous secret had to go", async () => {
    await writeFile(
      file(),
      "WEBHOOK_SECRET=the-secret-of-before\nWEBHOOK_SECRET_PREVIOUS=and-the-one-before\n",
    );
    const { errors } = await register("--save", ".env");
    expect(errors).toContain("The WEBHOOK_SECRET_PREVIOUS that was there is gone");
    expect(await saved()).toBe(
      `WEBHOOK_SECRET=${service.webhooks[0]?.secret}\n` +
        "WEBHOOK_SECRET_PREVIOUS=the-secret-of-before\n",
    );
  });

  test("fails where the webhook is registered and the file has no secret", async () => {
    service.addWebhook({ url, id: "w-1" });
    const { code, lines } = await register("--save", ".env");
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        "already registered  w-1",
        expect.stringMatching(/^\.env has no WEBHOOK_SECRET, and none was saved\. .* delete w-1/),
      ],
    });
  });

  test("registers nothing where it could not save the secret", async () => {
    await mkdir(file("folder"));
    await writeFile(file("real.env"), "");
    await symlink("real.env", file("link.env"));
    await writeFile(file("binary.env"), Uint8Array.of(0xff, 0xfe));
    for (
      const [name, reason] of [
        ["folder", "it is a folder"],
        ["link.env", "it is a symbolic link; name the file that it stands for"],
        ["binary.env", "it is not text in UTF-8"],
        ["none/.env", "there is no such folder"],
        ["real.env/.env", "there is no such folder"],
      ] as const
    ) {
      const { code, lines } = await register("--save", name);
      expect({ code, lines }).toEqual({ code: 1, lines: [`Cannot save to ${name}: ${reason}.`] });
    }
    expect(service.requests).toEqual([]);
  });

  test("prints the secret where saving fails after all", async () => {
    // The file turns into a folder while ImgGo registers.
    service.addWebhook = ((add) => (webhook) => {
      mkdirSync(file());
      return add(webhook);
    })(service.addWebhook);
    const { code, lines } = await register("--save", ".env");
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        `registered  ${service.webhooks[0]?.id}`,
        `  WEBHOOK_SECRET=${service.webhooks[0]?.secret}`,
        "Cannot save to .env: it is a folder. The webhook is registered, and its secret is printed " +
        "for once: keep it.",
      ],
    });
  });
});

describe("webhooks", () => {
  test("list prints a table, and JSON one object a line", async () => {
    const hourAgo = new Date(Date.now() - 3_700_000).toISOString();
    service.addWebhook({ url, id: "w-1", createdAt: hourAgo, lastTriggeredAt: hourAgo });
    service.addWebhook({ url: `${url}/2`, id: "w-22", active: false, createdAt: hourAgo });
    const { code, lines } = await run(["webhooks", "list"]);
    expect({ code, lines }).toEqual({
      code: 0,
      lines: [
        "ID    URL                            EVENTS                     ACTIVE  CREATED     LAST SENT",
        "w-1   https://example.com/webhook    job.succeeded, job.failed  yes     1 hour ago  1 hour ago",
        "w-22  https://example.com/webhook/2  job.succeeded, job.failed  no      1 hour ago  never",
      ],
    });
    const json = await run(["webhooks", "list", "--json"]);
    expect(json.lines.map((line) => JSON.parse(line))).toEqual([
      {
        id: "w-1",
        url,
        events: ["job.succeeded", "job.failed"],
        active: true,
        created_at: hourAgo,
        last_triggered_at: hourAgo,
      },
      expect.objectContaining({ id: "w-22", active: false, last_triggered_at: null }),
    ]);
  });

  test("list says that there is none, and prints no JSON then", async () => {
    expect((await run(["webhooks", "list"])).output).toMatch(/^No webhook is registered\. /);
    expect(await run(["webhooks", "list", "--json"])).toMatchObject({ code: 0, output: "" });
  });

  test("delete deletes, and says what is not there", async () => {
    const { id } = service.addWebhook({ url });
    expect(await run(["webhooks", "delete", id])).toMatchObject({
      code: 0,
      output: `deleted ${id}\n`,
    });
    expect(service.webhooks).toEqual([]);
    const { code, lines } = await run(["webhooks", "delete", id]);
    expect({ code, lines }).toEqual({
      code: 1,
      lines: [
        `ImgGo has no webhook ${id}: \`npm run cli -- webhooks list\` prints those it has.`,
      ],
    });
  });

  test.each([[["webhooks"]], [["webhooks", "paint"]], [["webhooks", "delete"]], [[
    "webhooks",
    "delete",
    "..",
  ]]])(
    "ends with 2: %j",
    async (args) => {
      expect((await run(args)).code).toBe(2);
    },
  );

  test.each([[["webhooks", "--help"]], [["webhooks", "list", "--help"]], [["register", "--help"]]])(
    "ends with 0: %j",
    async (args) => {
      expect((await run(args)).code).toBe(0);
    },
  );
});
