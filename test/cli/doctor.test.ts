import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { diskFinding } from "../../src/cli/doctor/storage.ts";
import { runCli, startCli } from "../support/command-line.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";
import { type Prepared, type PreparedRest, prepareStorage } from "../support/prepared-storage.ts";
import { listeningUrl, type Process } from "../support/process.ts";

const secret = "7h3Qz0pXw9LkV2rB5nYt8mJd";
const healthy = {
  settings: "ok",
  secret: "ok",
  storage: "ok",
  disk: expect.stringMatching(/ok|warning/),
  sqlite: expect.stringMatching(/ok|warning/),
  spool: "skipped",
  clock: "ok",
  backlog: "ok",
  dead: "ok",
  expectations: "ok",
  rejections: "ok",
  registration: "ok",
  // It is this machine, where ImgGo cannot reach it.
  url: "warning",
  round_trip: "ok",
};

let folder: string;
let service: ImgGoService;
let server: Process;
let url: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  service = await startImgGoService();
  env = {
    WEBHOOK_SECRET: secret,
    STORAGE_URL: "sqlite:events.db",
    IMGGO_API_KEY: service.apiKey,
    IMGGO_BASE_URL: service.baseUrl,
  };
  server = startCli(["serve"], { cwd: folder, env: { ...env, PORT: "0", HOST: "127.0.0.1" } });
  url = await listeningUrl(server);
  service.addWebhook({ url, id: "wh_1", events: ["job.completed", "job.failed", "job.queued"] });
});
afterAll(async () => {
  expect(await server.end("SIGTERM")).toBe(0);
  await service.close();
  await rm(folder, { recursive: true });
});

interface Found {
  readonly check: keyof typeof healthy;
  readonly status: string;
  readonly message: string;
  readonly advice: string | null;
  readonly [more: string]: unknown;
}

interface Examined {
  readonly code: number | string;
  readonly statuses: Readonly<Record<string, string>>;
  readonly of: (check: keyof typeof healthy) => Found;
}

/** What `doctor --json` finds, at this URL unless it is none. */
async function examine(
  changes: Record<string, string> = {},
  args: readonly string[] = ["--url", url],
): Promise<Examined> {
  const finished = await runCli(["doctor", "--json", ...args], {
    cwd: folder,
    env: { ...env, ...changes },
  });
  expect(finished.errors).toBe("");
  expect(finished.output).not.toMatch(/^\s+at /m);
  const findings: Found[] = finished.lines.map((line) => JSON.parse(line));
  return {
    code: finished.code,
    statuses: Object.fromEntries(findings.map(({ check, status }) => [check, status])),
    of: (check) => findings.find((each) => each.check === check) as Found,
  };
}

/** Whatever is not ok says what to do. */
function expectAdvice({ of }: Examined, ...checks: (keyof typeof healthy)[]): void {
  for (const check of checks) expect(of(check).advice, check).toMatch(/\S.*[.?]$/);
}

async function serverOf(listener: RequestListener): Promise<string> {
  const plain = createServer(listener);
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    plain.closeAllConnections();
    plain.close();
  });
  return `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
}

describe("doctor", () => {
  test("finds a receiver well, and leaves nothing but an ignored event", async () => {
    const examined = await examine();
    expect(examined.statuses).toEqual(healthy);
    expect(examined.code).toBe(0);
    const { id, message } = examined.of("round_trip");
    expect(message).toContain(id);
    const storage = sqliteStorage(join(folder, "events.db"));
    const stored = await storage.get(String(id));
    const { deliveries, rejections } = await storage.stats();
    await storage.close();
    expect(stored).toMatchObject({ state: "ignored", event: "imggo_webhooks.probe" });
    expect(deliveries).toEqual({ pending: 0, running: 0, succeeded: 0, dead: 0 });
    expect(rejections).toBe(0);
  });

  test("prints a line a check for people, what to do, and a sum", async () => {
    const { code, lines } = await runCli(["doctor"], {
      cwd: folder,
      env: { ...env, WEBHOOK_SECRET: "short", IMGGO_API_KEY: "" },
    });
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^failed {3}settings {6}WEBHOOK_SECRET: expected at least 16 /);
    expect(lines[1]).toMatch(/^ {23}→ Set them in the environment /);
    expect(lines.at(-1)).toMatch(/^1 failed, \d to be looked at, \d skipped$/);
  });

  test("without a URL and a key skips what takes them, and says so", async () => {
    const examined = await examine({ IMGGO_API_KEY: "" }, []);
    expect(examined.statuses).toEqual({
      ...healthy,
      registration: "skipped",
      url: "skipped",
      round_trip: "skipped",
    });
    expect(examined.of("registration").message).toContain("IMGGO_API_KEY");
    expect(examined.of("url").message).toContain("--url");
    expect(examined.code).toBe(0);
  });

  test.each([["not a URL"], ["ftp://example.com"], ["https://user:canary@example.com/"]])(
    "ends with 2 where the URL is %s",
    async (text) => {
      const { code } = await runCli(["doctor", "--url", text], { cwd: folder, env });
      expect(code).toBe(2);
    },
  );
});

describe("doctor names what is broken", () => {
  test("settings, all of them, and still looks at the storage", async () => {
    const examined = await examine({ WEBHOOK_SECRET: "", PORT: "http" });
    expect(examined.statuses).toMatchObject({
      settings: "failed",
      secret: "skipped",
      storage: "ok",
      registration: "ok",
      round_trip: "skipped",
    });
    expect(examined.of("settings")["problems"]).toEqual([
      expect.stringMatching(/^WEBHOOK_SECRET: /),
      expect.stringMatching(/^PORT: /),
    ]);
    expect(examined.code).toBe(1);
    expectAdvice(examined, "settings");
  });

  test("a configuration that cannot be read", async () => {
    await writeFile(join(folder, "broken.mjs"), "throw new Error('no');");
    const examined = await examine({}, ["--config", "broken.mjs"]);
    expect(examined.statuses).toMatchObject({ settings: "failed", storage: "skipped" });
    expect(examined.of("settings").message).toContain("broken.mjs");
  });

  test.each([["aaaaaaaaaaaaaaaaaaaa"], ["my-webhook-secret-1"]])(
    "the weak secret %s",
    async (weak) => {
      const examined = await examine({ WEBHOOK_SECRET: weak }, []);
      expect(examined.statuses).toMatchObject({ settings: "ok", secret: "warning" });
      expect(JSON.stringify(examined.of("secret"))).not.toContain(weak);
      expectAdvice(examined, "secret");
    },
  );

  test("another secret than the running receiver's", async () => {
    const examined = await examine({ WEBHOOK_SECRET: "9sDf7gHjKl3ZxCvBnM1qWeRt" });
    expect(examined.statuses).toEqual({ ...healthy, round_trip: "failed" });
    expect(examined.of("round_trip").message).toMatch(/another secret.*\(HTTP 401\)/);
    expect(examined.code).toBe(1);
    expectAdvice(examined, "round_trip");
    // The probe is not kept among what was refused.
    expect((await examine()).statuses).toEqual(healthy);
  });

  test("another storage than the running receiver's", async () => {
    await prepareStorage(join(folder, "another.db"), []);
    const examined = await examine({ STORAGE_URL: "sqlite:another.db" });
    expect(examined.statuses).toEqual({ ...healthy, round_trip: "failed" });
    expect(examined.of("round_trip").message).toContain("not in the storage of these settings");
    expectAdvice(examined, "round_trip");
  });

  test("the wrong path", async () => {
    const wrong = new URL("/elsewhere", url).href;
    const examined = await examine({}, ["--url", wrong]);
    expect(examined.statuses).toEqual({ ...healthy, registration: "failed", round_trip: "failed" });
    expect(examined.of("round_trip").message).toContain("no webhooks at this path");
    expect(examined.of("registration").message).toContain(wrong);
    expectAdvice(examined, "registration", "round_trip");
  });

  test("a URL at which nothing listens", async () => {
    const plain = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => plain.once("listening", resolve));
    const { port } = plain.address() as AddressInfo;
    await new Promise((resolve) => plain.close(resolve));
    const examined = await examine({}, ["--url", `http://127.0.0.1:${port}/webhook`]);
    expect(examined.statuses).toMatchObject({ url: "failed", round_trip: "failed" });
    expect(examined.of("url").advice).toMatch(/^Nothing listens there/);
  });

  test("a URL without the TLS that it promises", async () => {
    const examined = await examine({}, ["--url", url.replace("http:", "https:")]);
    expect(examined.statuses).toMatchObject({ url: "failed", round_trip: "failed" });
    expect(examined.of("url").advice).toMatch(/^TLS fails: /);
  });

  test("something that is no receiver, and something that leads elsewhere", async () => {
    const page = await serverOf((_, response) => response.end("<html>"));
    const moved = await serverOf((_, response) => response.writeHead(308, { Location: url }).end());
    const [atPage, atMoved] = await Promise.all(
      [page, moved].map((place) => examine({}, ["--url", `${place}/webhook`])),
    );
    expect(atPage?.statuses).toMatchObject({ url: "warning", round_trip: "failed" });
    expect(atPage?.of("round_trip").message).toContain("not by a receiver");
    expect(atMoved?.statuses).toMatchObject({ round_trip: "failed" });
    expect(atMoved?.of("round_trip").message).toContain("leads elsewhere");
  });

  test("a clock that is wrong", async () => {
    const late = await serverOf((_, response) => {
      response.setHeader("Date", new Date(Date.now() - 45_000).toUTCString()).end();
    });
    const examined = await examine({ IMGGO_BASE_URL: `${late}/api`, IMGGO_API_KEY: "" });
    expect(examined.statuses).toEqual({ ...healthy, clock: "warning", registration: "skipped" });
    expect(examined.of("clock").message).toMatch(/^The clock is 4[3-7] s ahead of /);
    expectAdvice(examined, "clock");
  });

  test("a clock that cannot be compared is skipped", async () => {
    const examined = await examine({ IMGGO_BASE_URL: "http://127.0.0.1:9", IMGGO_API_KEY: "" }, []);
    expect(examined.statuses).toMatchObject({ clock: "skipped" });
  });

  test("a disk that is nearly full", () => {
    expect(diskFinding(2 ** 30)).toMatchObject({ status: "ok" });
    expect(diskFinding(2 ** 30 - 1)).toMatchObject({ status: "warning", advice: /./ });
  });
});

describe("doctor names what is wrong with the registration", () => {
  const registered = async (webhooks: ImgGoService["webhooks"], args?: readonly string[]) => {
    const before = service.webhooks.splice(0, Infinity, ...webhooks);
    try {
      return await examine({}, args);
    } finally {
      service.webhooks.splice(0, Infinity, ...before);
    }
  };
  const webhook = (changes: object) => ({ ...service.webhooks[0]!, ...changes });

  test("there is none", async () => {
    const examined = await registered([webhook({ url: "https://example.com/other" })]);
    expect(examined.statuses).toEqual({ ...healthy, registration: "failed" });
    expect(examined.of("registration").message).toBe(
      `No webhook is registered at ImgGo for ${url}.`,
    );
    expect(examined.of("registration").advice).toContain(`register --url ${url}`);
    const anywhere = await registered([], []);
    expect(anywhere.of("registration")).toMatchObject({ status: "failed" });
  });

  test("it is inactive, and lacks events", async () => {
    const examined = await registered([webhook({ active: false, events: ["job.succeeded"] })]);
    expect(examined.statuses).toEqual({ ...healthy, registration: "failed" });
    expect(examined.of("registration")).toMatchObject({
      id: "wh_1",
      message: "The webhook wh_1 is inactive and is not sent job.failed.",
    });
    expectAdvice(examined, "registration");
    const anywhere = await registered([webhook({ events: ["job.failed"] })], []);
    expect(anywhere.of("registration")).toMatchObject({
      status: "failed",
      message: "No active webhook at ImgGo is sent both ends of a job: job.succeeded is missing.",
    });
  });

  test("the key is refused", async () => {
    const examined = await examine({ IMGGO_API_KEY: "canary-of-a-key" });
    expect(examined.statuses).toEqual({ ...healthy, registration: "failed" });
    expect(JSON.stringify(examined.of("registration"))).not.toContain("canary");
    expectAdvice(examined, "registration");
  });
});

describe("doctor names what is wrong with the storage", () => {
  const at = async (file: string, args: readonly string[] = []) =>
    await examine({ STORAGE_URL: `sqlite:${file}` }, args);
  const prepared = async (file: string, events: readonly Prepared[], rest?: PreparedRest) => {
    await prepareStorage(join(folder, file), events, rest);
    return await at(file);
  };
  const local = { ...healthy, url: "skipped", round_trip: "skipped" };

  test("it is not there yet, and is not made", async () => {
    const examined = await at("none.db");
    expect(examined.statuses).toMatchObject({ storage: "warning", backlog: "skipped" });
    expect(examined.code).toBe(0);
    expectAdvice(examined, "storage");
    expect(await readdir(folder)).not.toContain("none.db");
  });

  test("its folder is not there", async () => {
    const examined = await at("no/such/folder.db");
    expect(examined.statuses).toMatchObject({ storage: "failed" });
    expect(examined.of("storage").message).toBe(
      "There is no folder no/such for the SQLite file.",
    );
    expectAdvice(examined, "storage");
  });

  test("it is of something else", async () => {
    const database = new DatabaseSync(join(folder, "other.db"));
    database.exec("CREATE TABLE notes (text TEXT)");
    database.close();
    const examined = await at("other.db");
    expect(examined.statuses).toMatchObject({ storage: "failed", dead: "skipped" });
    expect(examined.of("storage").message).toContain("of something else");
    expect(examined.code).toBe(1);
    expectAdvice(examined, "storage");
  });

  test("it is locked", async () => {
    await prepareStorage(join(folder, "locked.db"), []);
    const database = new DatabaseSync(join(folder, "locked.db"));
    onTestFinished(() => database.close());
    database.exec("BEGIN IMMEDIATE");
    const examined = await at("locked.db");
    expect(examined.statuses).toEqual({ ...local, storage: "failed" });
    expect(examined.of("storage").message).toContain("locked");
    expectAdvice(examined, "storage");
  });

  test("it is the server's memory", async () => {
    const examined = await examine({ STORAGE_URL: "memory:" }, []);
    expect(examined.statuses).toMatchObject({ storage: "warning", disk: "skipped" });
    expectAdvice(examined, "storage");
  });

  test("deliveries were given up", async () => {
    const examined = await prepared("dead.db", [{ processors: ["a"], outcomes: { a: "dead" } }]);
    expect(examined.statuses).toEqual({ ...local, dead: "warning" });
    expect(examined.of("dead").advice).toContain("redrive");
  });

  test("nobody works through what is due", async () => {
    await prepareStorage(join(folder, "backlog.db"), [{ processors: ["a"] }]);
    const database = new DatabaseSync(join(folder, "backlog.db"));
    database.exec(`UPDATE deliveries SET due_at = due_at - 120_000`);
    const slow = await at("backlog.db");
    expect(slow.statuses).toEqual({ ...local, backlog: "warning" });
    database.exec(`UPDATE deliveries SET due_at = due_at - 600_000`);
    database.close();
    const stuck = await at("backlog.db");
    expect(stuck.statuses).toEqual({ ...local, backlog: "failed" });
    expect(stuck.of("backlog").message).toContain("12 minutes ago");
    expectAdvice(stuck, "backlog");
  });

  test("results are overdue, and requests were refused", async () => {
    const examined = await prepared("awaited.db", [], { overdue: ["job_1"], rejections: 2 });
    expect(examined.statuses).toEqual({
      ...local,
      expectations: "warning",
      rejections: "warning",
    });
    expect(examined.of("expectations").advice).toContain("reconcile");
    expect(examined.of("rejections").advice).toContain("rejections reverify");
  });

  test("events wait in the spool, or it is none", async () => {
    await mkdir(join(folder, "spools"));
    await prepareStorage(join(folder, "spools/full.db"), [{ processors: ["a"] }]);
    await prepareStorage(join(folder, "spools/empty.db"), []);
    await writeFile(join(folder, "spools/letter.db"), "Dear Sir or Madam, ".repeat(100));
    const found = await Promise.all(["full", "empty", "letter"].map(async (name) => {
      const examined = await examine({ SPOOL_URL: `sqlite:spools/${name}.db` }, []);
      return examined.statuses["spool"];
    }));
    expect(found).toEqual(["warning", "ok", "failed"]);
  });
});
