import { admin } from "imggo-webhooks/admin";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Access, createAccess, isForeign, TooManyAttempts } from "../../src/admin/access.ts";
import { readApiAnswer, setUpAdmin, token } from "../support/admin-under-test.ts";
import { setUp } from "../support/receiver-under-test.ts";

const cookiePath = "/hooks/admin";
const access = () => createAccess({ token, cookiePath });

const get = (headers: HeadersInit = {}, url = "http://receiver.test/admin") =>
  new Request(url, { headers });
const bearing = (token: string) => get({ Authorization: `Bearer ${token}` });

afterEach(() => void vi.useRealTimers());

async function signedIn(to: Access, request = get()): Promise<string> {
  const header = await to.signIn(token, request);
  if (header === undefined) throw new Error("not signed in");
  return header.split(";")[0] ?? "";
}

describe("admin()", () => {
  test.each([
    ["an empty token", "", "expected at least 24 characters, got 0"],
    ["23 characters", "x".repeat(23), "expected at least 24 characters, got 23"],
    ["a line end behind it", `${token}\n`, "expected no white space around the token"],
    ["a space before it", ` ${token}`, "expected no white space around the token"],
    ["characters that no header holds", "é".repeat(30), "expected ASCII characters only"],
    ["none", undefined as unknown as string, "expected text"],
  ])("refuses %s, and does not repeat it", (_, token, message) => {
    expect(() => admin({ token })).toThrow(`admin(): token: ${message}`);
    if (token) expect(() => admin({ token })).not.toThrow(token);
  });
});

describe("Access.bears()", () => {
  test("takes the token, whatever the case of its scheme", async () => {
    for (const scheme of ["Bearer", "bearer", "BEARER "]) {
      const request = get({ Authorization: `${scheme} ${token}` });
      expect(await access().bears(request)).toBe(true);
    }
  });

  test("refuses everything else, a second later where a token was tried", async () => {
    const { bears } = access();
    const startedAt = performance.now();
    const wrong = [
      token.slice(0, -1),
      `${token}.`,
      token.toUpperCase(),
      "x",
      `${token}, Bearer ${token}`,
      "x".repeat(10_000),
    ];
    expect(await Promise.all(wrong.map((token) => bears(bearing(token)))))
      .toEqual(wrong.map(() => false));
    expect(performance.now() - startedAt).toBeGreaterThan(900);
  });

  test("looks neither into the URL nor at another scheme", async () => {
    const { bears } = access();
    expect(await bears(get())).toBe(false);
    expect(await bears(get({}, `http://receiver.test/admin?token=${token}`))).toBe(false);
    expect(await bears(get({ Authorization: `Basic ${btoa(`admin:${token}`)}` }))).toBe(false);
    expect(await bears(get({ Authorization: token }))).toBe(false);
    expect(await bears(get({ "X-Admin-Token": token }))).toBe(false);
  });

  test("answers the right token at once while wrong ones wait, of which only so many do", async () => {
    const { bears, signIn } = access();
    const flood = await Promise.allSettled([
      ...Array.from({ length: 150 }, (_, index) => bears(bearing(`wrong ${index}`))),
      (async () => {
        const startedAt = performance.now();
        expect(await bears(bearing(token))).toBe(true);
        expect(performance.now() - startedAt).toBeLessThan(900);
        expect(await signIn(token, get())).toBeDefined();
        await expect(signIn("wrong", get())).rejects.toThrow(TooManyAttempts);
        return true;
      })(),
    ]);
    const isTooMany = (result: PromiseSettledResult<boolean>) =>
      result.status === "rejected" && result.reason instanceof TooManyAttempts;
    expect(flood.filter(isTooMany)).toHaveLength(50);
    expect(flood.filter((result) => result.status === "fulfilled" && !result.value))
      .toHaveLength(100);
    expect(flood.at(-1)).toEqual({ status: "fulfilled", value: true });
    // They have room again, whatever became of those before.
    expect(await bears(bearing("wrong"))).toBe(false);
  });
});

describe("a session", () => {
  test("is got for the token, which its cookie does not hold", async () => {
    const one = access();
    const header = await one.signIn(`${token}\n`, get());
    expect(header).toMatch(
      /^imggo_webhooks_session=[\w-]+; Path=\/hooks\/admin; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(header).not.toContain(token);
    const cookie = await signedIn(one);
    expect(await one.isSignedIn(get({ Cookie: cookie }))).toBe(true);
    expect(await one.isSignedIn(get({ Cookie: `a=b; ${cookie}; c=d` }))).toBe(true);
    expect(await one.isSignedIn(get())).toBe(false);
    expect(await signedIn(one)).not.toBe(cookie);
  });

  test.each<[string, Request, boolean]>([
    ["http", get(), false],
    ["https", get({}, "https://receiver.test/admin"), true],
    ["https to a proxy", get({ "X-Forwarded-Proto": "https" }), true],
    ["https to the first of two", get({ "X-Forwarded-Proto": "https, http" }), true],
    ["http to a proxy", get({ "X-Forwarded-Proto": "http" }), false],
    ["https, by the standard's header", get({ Forwarded: "for=1.2.3.4;proto=https" }), true],
  ])("has a Secure cookie as the request came: %s", async (_, request, isSecure) => {
    const header = await access().signIn(token, request);
    expect(header?.includes("; Secure")).toBe(isSecure);
    expect((await access().signOut(request)).includes("; Secure")).toBe(isSecure);
  });

  test("is good in every process that has the token, and in no other", async () => {
    const request = get({ Cookie: await signedIn(access()) });
    expect(await access().isSignedIn(request)).toBe(true);
    const other = createAccess({ token: `${token}.`, cookiePath });
    expect(await other.isSignedIn(request)).toBe(false);
  });

  test("ends after 12 hours", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const one = access();
    const request = get({ Cookie: await signedIn(one) });
    vi.setSystemTime(Date.now() + 12 * 3_600_000 - 1);
    expect(await one.isSignedIn(request)).toBe(true);
    vi.setSystemTime(Date.now() + 1);
    expect(await one.isSignedIn(request)).toBe(false);
  });

  test("is refused once it is signed out of, a copy of its cookie too; others are not", async () => {
    const one = access();
    const [cookie, other] = [await signedIn(one), await signedIn(one)];
    expect(await one.signOut(get({ Cookie: cookie }))).toBe(
      "imggo_webhooks_session=; Path=/hooks/admin; Max-Age=0; HttpOnly; SameSite=Strict",
    );
    expect(await one.isSignedIn(get({ Cookie: cookie }))).toBe(false);
    expect(await one.isSignedIn(get({ Cookie: other }))).toBe(true);
    await one.signOut(get());
    expect(await one.isSignedIn(get({ Cookie: other }))).toBe(true);
  });

  test("is nothing that was made up, or changed in one character", async () => {
    const one = access();
    const cookie = await signedIn(one);
    const [name = "", value = ""] = cookie.split("=");
    const later = value.replace(/^\d+/, (time) => `${Number(time) + 3_600_000}`);
    const flipped = value.replace(/.$/, (digit) => digit === "0" ? "1" : "0");
    const made = [later, flipped, value.toUpperCase(), `${value}0`, "", token, "x".repeat(10_000)];
    for (const value of made) {
      expect(await one.isSignedIn(get({ Cookie: `${name}=${value}` })), value).toBe(false);
      // Signing out of it is no way to fill the memory of those that are ended.
      await one.signOut(get({ Cookie: `${name}=${value}` }));
    }
    // One that another site of the domain put beside it does not push it out.
    expect(await one.isSignedIn(get({ Cookie: `${name}=x; ${cookie}` }))).toBe(true);
  });
});

describe("isForeign()", () => {
  const post = (headers: HeadersInit, url = "http://receiver.test/admin/redrive") =>
    isForeign(new Request(url, { method: "POST", headers }));

  test.each<[string, Record<string, string>]>([
    ["Sec-Fetch-Site: same-origin", { "Sec-Fetch-Site": "same-origin" }],
    ["the same Origin", { Origin: "http://receiver.test" }],
    ["the same host behind a proxy that ends TLS", { Origin: "https://receiver.test" }],
    ["its default port", { Origin: "https://receiver.test:443" }],
    ["the host that a proxy tells", {
      Origin: "https://public.test",
      "X-Forwarded-Host": "public.test",
    }],
  ])("is false with %s", (_, headers) => {
    expect(post(headers)).toBe(false);
  });

  test.each<[string, Record<string, string>]>([
    ["nothing that tells", {}],
    ["Sec-Fetch-Site: cross-site", { "Sec-Fetch-Site": "cross-site" }],
    ["Sec-Fetch-Site: same-site", { "Sec-Fetch-Site": "same-site" }],
    ["Sec-Fetch-Site: none", { "Sec-Fetch-Site": "none" }],
    ["cross-site, whatever the Origin", {
      "Sec-Fetch-Site": "cross-site",
      Origin: "http://receiver.test",
    }],
    ["another Origin", { Origin: "http://evil.test" }],
    ["another port", { Origin: "http://receiver.test:8080" }],
    ["a host that begins like it", { Origin: "http://receiver.test.evil.test" }],
    ["Origin: null, as of a sandboxed frame", { Origin: "null" }],
    ["an Origin that is none", { Origin: "receiver.test" }],
    ["another scheme", { Origin: "chrome-extension://receiver.test" }],
  ])("is true with %s", (_, headers) => {
    expect(post(headers)).toBe(true);
  });
});

describe("the API's door", () => {
  const url = "http://receiver.test/admin/api/events";

  test("asks who has no token for it", async () => {
    const { receiver, log } = setUpAdmin();
    const { status, headers, body } = await readApiAnswer(await receiver.fetch(new Request(url)));
    expect({ status, body }).toEqual({
      status: 401,
      body: { error: expect.stringContaining("Authorization: Bearer"), code: "unauthorized" },
    });
    expect(headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(JSON.stringify(log)).not.toContain(token);
  });

  test("is not opened by a session", async () => {
    const { receiver } = setUpAdmin();
    const cookie = await signedIn(createAccess({ token, cookiePath: "/admin" }));
    const request = new Request(url, { headers: { Cookie: cookie } });
    expect((await receiver.fetch(request)).status).toBe(401);
  });

  test("lets no page of another site change anything, even with the token", async () => {
    const { call } = setUpAdmin();
    for (const headers of [{ Origin: "https://evil.test" }, { "Sec-Fetch-Site": "cross-site" }]) {
      expect(await call("/redrive", {}, headers))
        .toMatchObject({ status: 403, body: { code: "foreign_request" } });
      expect((await call("/events", undefined, headers)).status).toBe(200);
    }
    expect((await call("/redrive", {}, { Origin: "http://receiver.test" })).status).toBe(200);
  });

  test("says when too many wrong tokens came", async () => {
    const { receiver, call } = setUpAdmin();
    const wrong = () =>
      receiver.fetch(new Request(url, { headers: { Authorization: "Bearer wrong" } }));
    const all = Array.from({ length: 150 }, wrong);
    expect((await call("/events")).status).toBe(200);
    const answers = await Promise.all((await Promise.all(all)).map(readApiAnswer));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, body } of refused) {
      expect(body).toMatchObject({ code: "too_many_attempts" });
      expect(headers.get("Retry-After")).toBe("1");
    }
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(100);
  });
});

test("without the plugin there is nothing", async () => {
  const { receiver } = setUp();
  for (
    const path of ["/admin", "/admin/", "/admin/api/events", "/admin/api/openapi.json", "/metrics"]
  ) {
    const request = new Request(`http://receiver.test${path}`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(await readApiAnswer(await receiver.fetch(request)))
      .toMatchObject({ status: 404, body: { code: "not_found" } });
  }
});
