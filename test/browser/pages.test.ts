import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { listen } from "../../src/entry/listen/node.ts";
import { pagedReceiver, switchable, token } from "../support/paged-receiver.ts";
import { launchBrowser } from "../support/browser.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

const hostile = `"'><img src=x onerror="hacked=1"></script><script>hacked=1</script>\u202e`;
const job = (id: string, result: unknown = { total: 12.5, lines: [{ text: "Käse" }] }) => ({
  event: "job.succeeded",
  data: { job_id: id, pattern_id: "pat_invoices", result },
});

/** A receiver that listens, with something of each kind in it. */
async function deploy() {
  const sink = switchable();
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const admin = pagedReceiver({
    storage: sqliteStorage(join(folder, "events.db")),
    processors: { invoices: sink.processor, archive: () => {} },
    worker: { pollMs: 20 },
  });
  const server = await listen(admin.receiver, {
    hostname: "127.0.0.1",
    port: 0,
  });
  onTestFinished(async () => {
    await admin.receiver.stop();
    await server.close();
    await admin.storage.close();
    await rm(folder, { recursive: true });
  });
  const settled = async () => {
    await expect.poll(async () => {
      const { pending, running } = (await admin.storage.stats()).deliveries;
      return pending + running;
    }).toBe(0);
  };
  sink.fails = `the disk is full ${hostile}`;
  const ids = [await admin.send(job("job-1")), await admin.send(job("job-2"))];
  await settled();
  sink.fails = undefined;
  return { ...admin, sink, ids, settled, url: `http://127.0.0.1:${server.port}/admin` };
}

/** A browser's window, and all that it complains of beside answers that are no success. */
async function open(options: Parameters<Browser["newContext"]>[0] = {}) {
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    const isAnswer = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isAnswer) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { context, page, complaints };
}

async function signIn(page: Page, url: string) {
  await page.goto(url);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
}

const heading = (page: Page) => page.getByRole("heading", { level: 1 }).innerText();

describe("the pages in a browser", () => {
  for (const javaScriptEnabled of [true, false]) {
    test(`serve an operator's round, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
      const { url, ids, storage, settled } = await deploy();
      const { page, complaints } = await open({ javaScriptEnabled });

      await signIn(page, `${url}/events?state=accepted`);
      expect(page.url()).toBe(`${url}/events?state=accepted`);

      await page.getByLabel("Job or event id").fill("job-1");
      await page.getByRole("button", { name: "Find" }).click();
      await page.getByRole("link", { name: "job-1" }).click();
      expect(page.url()).toBe(`${url}/events/${ids[0]}`);
      expect(await page.getByText("total: 12.5").isVisible()).toBe(true);
      expect(await page.getByText("the disk is full").isVisible()).toBe(true);

      await page.getByRole("button", { name: "Redeliver to invoices" }).click();
      await page.getByText("1 delivery is due again").waitFor();
      await settled();
      // With JavaScript the page shows by itself how it went.
      if (!javaScriptEnabled) await page.reload();
      await expect.poll(() => page.getByRole("listitem").getByText("succeeded").count(), {
        timeout: 10_000,
      }).toBeGreaterThan(3);

      await page.getByRole("link", { name: "Dead" }).click();
      expect(await heading(page)).toBe("1 dead delivery");
      await page.getByRole("link", { name: "Redrive 1… of invoices" }).click();
      expect(await heading(page)).toBe("Redrive 1 delivery?");
      expect((await storage.stats()).deliveries.dead).toBe(1);
      await page.getByRole("button", { name: "Redrive 1" }).click();
      await page.getByText("1 dead delivery is due again.").waitFor();
      await settled();
      expect((await storage.stats()).deliveries).toMatchObject({ dead: 0, succeeded: 4 });

      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Token").waitFor();
      await page.goto(`${url}/events`);
      expect(await heading(page)).toBe("Sign in");
      expect(complaints).toEqual([]);
    });
  }

  test("are accessible in light and dark, fit a phone, and run nothing that is stored", async () => {
    const { url, ids, send, forge, storage, receiver, settled } = await deploy();
    await receiver.expect(hostile.replace("\u202e", ""), { deadlineMs: 0 });
    await send(job(`job-${"long".repeat(30)}`, { [hostile]: [hostile], wide: "x".repeat(3_000) }));
    await send({ event: "job.failed", data: { job_id: "job-3", error: hostile } });
    const bad = await send({ event: "job.succeeded", data: {} });
    await forge(hostile);
    await settled();
    const { events } = await storage.list({ limit: 10 });
    const { page, complaints } = await open({ viewport: { width: 360, height: 740 } });
    const check = async (path: string) => {
      await page.goto(url + path);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width, `the width of ${path}`).toBeLessThanOrEqual(360);
      await page.evaluate(axe.source);
      await page.emulateMedia({ colorScheme: "light" });
      expect(await violations(page), path).toEqual([]);
      await page.emulateMedia({ colorScheme: "dark" });
      expect(await violations(page, ["color-contrast"]), `${path} in dark`).toEqual([]);
      expect(await page.evaluate(() => "hacked" in globalThis)).toBe(false);
    };
    await check("/dead");
    expect(await heading(page)).toBe("Sign in");
    await signIn(page, url);
    const paths = ["", "/events", "/dead", "/dead/redrive", "/rejections", "/expectations"];
    paths.push("/events?state=odd&received_after=x", "/events/evt_none", `/events/${bad}`);
    paths.push(...new Set([ids[0], ...events.map(({ id }) => id)].map((id) => `/events/${id}`)));
    for (const path of paths) await check(path);
    expect(complaints).toEqual([]);
  });

  test("show what comes in, and leave alone who is typing, reading or on a link", async () => {
    const { url, send } = await deploy();
    const { page, complaints } = await open();
    await signIn(page, `${url}/events`);
    await page.getByText("More filters").click();
    await page.getByLabel("Pattern").fill("half a wo");
    await page.getByRole("link", { name: "job-1" }).focus();
    await send(job("job-new"));
    await page.getByRole("link", { name: "job-new" }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    expect(await focused()).toBe("job-1");
    expect(await page.getByLabel("Pattern").inputValue()).toBe("half a wo");
    expect(await page.getByRole("status").innerText()).toBe("Live");
    expect(await page.locator("time").first().getAttribute("title")).toMatch(/UTC\n.*\d/);
    expect(complaints).toEqual([]);
  });

  test("are reached by a link of another site, and do nothing for its forms", async () => {
    const { url, ids, storage } = await deploy();
    const { context, page } = await open();
    await signIn(page, url);
    const elsewhere = "http://elsewhere.example/";
    await serve(
      context,
      elsewhere,
      `<a href="${url}/events/${
        ids[0]
      }">look</a><form method="post" action="${url}/dead/redrive"><input name="count" value="9"><button>prize</button></form>`,
    );
    await page.goto(elsewhere);
    await page.getByRole("link").click();
    await page.getByRole("heading", { name: "Deliveries" }).waitFor();
    expect(page.url()).toBe(`${url}/events/${ids[0]}`);

    const before = await storage.stats();
    await page.goto(elsewhere);
    await page.getByRole("button").click();
    await page.getByRole("heading", { name: "Not from here" }).waitFor();
    expect(await storage.stats()).toEqual(before);
  });

  test("ask before what succeeded is run again", async () => {
    const { url, ids, storage } = await deploy();
    const { page } = await open();
    await signIn(page, `${url}/events/${ids[0]}`);
    const questions: string[] = [];
    page.once("dialog", (dialog) => {
      questions.push(dialog.message());
      void dialog.dismiss();
    });
    const before = await storage.stats();
    await page.getByRole("button", { name: "Redeliver to archive" }).click();
    expect(questions).toEqual(["archive has succeeded. Run it again?"]);
    expect(await storage.stats()).toEqual(before);
  });
});

async function serve(context: BrowserContext, url: string, body: string) {
  await context.route(url, (route) => route.fulfill({ contentType: "text/html", body }));
}

/** What axe finds wrong, each with where it is. */
async function violations(page: Page, rules?: readonly string[]): Promise<string[]> {
  const found = await page.evaluate(async (rules) => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(rules === undefined ? {} : { runOnly: [...rules] });
    return violations;
  }, rules);
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}
