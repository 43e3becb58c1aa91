import { StorageError } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { token } from "../../support/paged-receiver.ts";
import {
  attribute,
  origin,
  pagesUnderTest,
  readPage,
  structureProblems,
} from "../../support/pages-under-test.ts";
import { success } from "../../support/wire.ts";

const places = ["", "/events", "/events/evt_1", "/events/evt_1/body", "/dead", "/dead/redrive"]
  .concat("/rejections", "/expectations").map((path) => `/admin${path}`);

describe("signing in", () => {
  test("is asked for in place of every page, which comes after it", async () => {
    const { receiver } = await pagesUnderTest();
    for (const place of places) {
      const path = `${place}?a=%22%3E`;
      const page = await readPage(await receiver.fetch(new Request(origin + path)));
      expect(page.response.status).toBe(401);
      expect(structureProblems(page)).toEqual([]);
      const next = page.elements.find((each) => attribute(each, "name") === "next");
      expect(attribute(next!, "value")).toBe(path);
      const body = new URLSearchParams({ token, next: path });
      const headers = { "Sec-Fetch-Site": "same-origin" };
      const request = new Request(`${origin}/admin/login`, { method: "POST", headers, body });
      const signedIn = await receiver.fetch(request);
      expect(signedIn.status).toBe(303);
      expect(signedIn.headers.get("Location")).toBe(path);
      expect(signedIn.headers.get("Set-Cookie")).toMatch(/HttpOnly; SameSite=Strict/);
      expect(signedIn.headers.get("Set-Cookie")).not.toContain(token);
    }
  });

  test("leads nowhere else", async () => {
    const pages = await pagesUnderTest({ basePath: "/hooks" });
    const elsewhere = [
      "https://evil.example/admin",
      "//evil.example/hooks/admin",
      "/\\evil.example",
      "/hooks/admin/../../x",
      "/hooks/administrator",
      "/hooks/admin/..//evil.example",
      "javascript:alert(1)",
      "",
    ];
    for (const next of elsewhere) {
      const { response } = await pages.post("/hooks/admin/login", { token, next });
      expect(response.headers.get("Location"), next).toBe("/hooks/admin");
    }
    const next = "/hooks/admin/events?state=accepted";
    const { response } = await pages.post("/hooks/admin/login", { token, next });
    expect(response.headers.get("Location")).toBe(next);
  });

  test("with a wrong token is asked for again, where one was", async () => {
    const pages = await pagesUnderTest();
    const fields = { token: "wrong", next: "/admin/dead" };
    const page = await pages.post("/admin/login", fields);
    expect(page.response.status).toBe(401);
    expect(page.response.headers.has("Set-Cookie")).toBe(false);
    expect(page.text).toContain("This is not the token.");
    expect(structureProblems(page)).toEqual([]);
    const next = page.elements.find((each) => attribute(each, "name") === "next");
    expect(attribute(next!, "value")).toBe("/admin/dead");
  });

  test("is not asked for before a link from another site was followed from ours", async () => {
    const { receiver } = await pagesUnderTest();
    const url = `${origin}/admin/events?state=accepted`;
    const headers = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
    const first = await readPage(await receiver.fetch(new Request(url, { headers })));
    const refresh = first.elements.find((each) => attribute(each, "http-equiv") === "refresh");
    expect(attribute(refresh!, "content")).toBe("0; url=/admin/events?state=accepted");
    const [cookie = ""] = first.response.headers.get("Set-Cookie")?.split(";") ?? [];
    // Some browsers say so of a reload too: it must not go round for ever.
    const again = await receiver.fetch(
      new Request(url, { headers: { ...headers, Cookie: cookie } }),
    );
    expect(await again.text()).toContain('name="token"');
  });

  test("ends by signing out", async () => {
    const pages = await pagesUnderTest();
    expect((await pages.get("/admin")).response.status).toBe(200);
    const { response } = await pages.post("/admin/logout");
    expect([response.status, response.headers.get("Location")]).toEqual([303, "/admin"]);
    expect((await pages.get("/admin")).response.status).toBe(401);
  });
});

describe("forms", () => {
  const fails = () => {
    throw new Error("refused by a test");
  };
  const actions = (id: string): readonly (readonly [string, Record<string, string>])[] => [
    [`/admin/events/${id}/redeliver`, { processor: "fails" }],
    ["/admin/dead/redrive", { count: "1" }],
    ["/admin/rejections/reverify", {}],
    ["/admin/expectations", { job_id: "job", deadline_s: "1" }],
    ["/admin/logout", {}],
    ["/admin/login", { token }],
  ];

  test("of other sites, or of nobody knows where, change nothing", async () => {
    const pages = await pagesUnderTest({ processors: { fails }, worker: { maxAttempts: 1 } });
    const id = await pages.send(success);
    await pages.receiver.drain();
    const before = await pages.storage.stats();
    expect(before.deliveries.dead).toBe(1);
    const foreign: readonly Record<string, string>[] = [
      { "Sec-Fetch-Site": "cross-site" },
      { "Sec-Fetch-Site": "same-site" },
      { "Sec-Fetch-Site": "none" },
      { "Sec-Fetch-Site": "", Origin: "https://evil.example" },
      { "Sec-Fetch-Site": "", Origin: "null" },
      { "Sec-Fetch-Site": "" },
    ];
    for (const headers of foreign) {
      for (const [path, fields] of actions(id)) {
        const page = await pages.post(path, fields, headers);
        expect(page.response.status, path).toBe(403);
        expect(page.response.headers.has("Set-Cookie")).toBe(false);
        expect(structureProblems(page)).toEqual([]);
      }
    }
    expect(await pages.storage.stats()).toEqual(before);
    const own = await pages.post(`/admin/events/${id}/redeliver`, {}, {
      "Sec-Fetch-Site": "",
      Origin: origin,
    });
    expect(own.response.status).toBe(303);
  });

  test("without a session change nothing, and lead to signing in", async () => {
    const pages = await pagesUnderTest();
    for (const [path, fields] of actions("evt_1").slice(0, 4)) {
      const page = await pages.post(path, fields, { Cookie: "" });
      expect(page.response.status).toBe(401);
      expect(page.html).toContain('name="token"');
    }
    expect((await pages.storage.expectations.list({ limit: 1 })).expectations).toEqual([]);
  });

  test("that are too large, or are none, are refused", async () => {
    const pages = await pagesUnderTest();
    const large = await pages.post("/admin/expectations", { job_id: "x".repeat(65_536) });
    expect(large.response.status).toBe(413);
    const json = { "Content-Type": "application/json" };
    expect((await pages.post("/admin/expectations", {}, json)).response.status).toBe(415);
    const plain = { "Content-Type": "text/plain" };
    expect((await pages.post("/admin/login", { token }, plain)).response.status).toBe(415);
    expect(structureProblems(large)).toEqual([]);
  });
});

describe("answers", () => {
  test("keep to their origin, and out of caches and frames", async () => {
    const pages = await pagesUnderTest();
    for (const path of ["/admin", "/admin/events", "/admin/events/evt_none"]) {
      const { response } = await pages.get(path);
      expect(response.headers.get("Content-Security-Policy")).toBe(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " +
          "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      );
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(response.headers.get("Referrer-Policy")).toBe("same-origin");
      expect(response.headers.get("Cross-Origin-Opener-Policy")).toBe("same-origin");
      expect(response.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    }
  });

  test("with an event's bytes are files, whatever is in them", async () => {
    const pages = await pagesUnderTest();
    const id = await pages.send("<script>hacked=1</script>");
    const { response, html } = await pages.get(`/admin/events/${id}/body`);
    expect(html).toBe("<script>hacked=1</script>");
    expect(response.headers.get("Content-Disposition")).toBe(`attachment; filename="${id}.json"`);
    expect(response.headers.get("Content-Security-Policy")).toBe("default-src 'none'; sandbox");
    expect(response.headers.get("Content-Type")).toBe("application/octet-stream");
  });

  test("with style, script and icon are kept for long, under names of their content", async () => {
    const { receiver, get } = await pagesUnderTest();
    const { elements } = await get("/admin");
    const links = elements.flatMap((each) =>
      attribute(each, "rel") === "stylesheet" || attribute(each, "rel") === "icon"
        ? attribute(each, "href") ?? []
        : each.tagName === "script"
        ? attribute(each, "src") ?? []
        : []
    );
    expect(links).toHaveLength(3);
    for (const link of links) {
      expect(link).toMatch(/^\/admin\/(?:style|script|icon)-[0-9a-f]{8}\.(?:css|js|svg)$/);
      const response = await receiver.fetch(new Request(origin + link));
      expect(response.status).toBe(200);
      expect(response.headers.get("Cache-Control")).toContain("immutable");
      await response.text();
    }
  });

  test("say so where the storage fails or hangs, and nothing of why", async () => {
    let condition: "fails" | "hangs" | "breaks" = "fails";
    const secretText = "postgres://user:password@db";
    const broken = async (): Promise<never> => {
      if (condition === "hangs") return await new Promise<never>(() => {});
      if (condition === "breaks") throw new TypeError(secretText);
      throw new StorageError("unavailable", secretText);
    };
    const storage = { ...memoryStorage(), stats: broken, list: broken, get: broken };
    const pages = await pagesUnderTest({ storage: { ...storage, deadGroups: broken } });
    for (const path of ["/admin", "/admin/events", "/admin/events/evt_1", "/admin/dead"]) {
      const page = await pages.get(path);
      expect(page.response.status).toBe(503);
      expect(page.response.headers.get("Retry-After")).toBe("5");
      expect(page.text).toContain("The storage does not answer");
      expect(page.html).not.toContain("password");
      expect(structureProblems(page)).toEqual([]);
    }
    condition = "hangs";
    expect((await pages.get("/admin/events")).response.status).toBe(503);
    condition = "breaks";
    const page = await pages.get("/admin/events");
    expect(page.response.status).toBe(500);
    expect(page.html).not.toContain("password");
  });

  test("leave no failure unheard where the storage fails in two ways at once", async () => {
    const unheard = vi.fn();
    process.on("unhandledRejection", unheard);
    onTestFinished(() => void process.off("unhandledRejection", unheard));
    const storage = memoryStorage();
    const list = () => {
      throw new StorageError("unavailable", "down");
    };
    const stats = () => Promise.reject(new StorageError("unavailable", "down"));
    const activity = { ...storage.activity, list };
    const pages = await pagesUnderTest({ storage: { ...storage, stats, activity } });
    expect((await pages.get("/admin")).response.status).toBe(503);
    // Node.js tells of what nobody heard once all that is ready has run.
    await new Promise((resolve) => setImmediate(resolve));
    expect(unheard).not.toHaveBeenCalled();
  });
});
