import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { operationsOverHttp, type OverHttpOptions } from "../../src/operations/over-http.ts";
import {
  answering,
  type Script,
  scriptedFetch,
  silent,
  unreachable,
} from "../support/scripted-fetch.ts";

const url = "https://example.com/hooks";
const token = "canary-token-of-24-characters";
const drained = { succeeded: 1, retry: 0, dead: 0, released: 0, lost: 0 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function operationsOn(scripts: readonly Script[], options: Partial<OverHttpOptions> = {}) {
  const { fetch, requests } = scriptedFetch(...scripts);
  const waits: number[] = [];
  const onWait = (ms: number) => void waits.push(ms);
  return { ...operationsOverHttp({ url, token, fetch, onWait, ...options }), requests, waits };
}

/** Why a call fails, once as much time has passed as it may take; never with the token. */
async function failureOf(call: Promise<unknown>): Promise<{ code: unknown; message: string }> {
  const caught = call.then(
    () => undefined,
    (error: { code: unknown; message: string }) => error,
  );
  await vi.advanceTimersByTimeAsync(200_000);
  const error = await caught;
  if (error === undefined) throw new Error("it did not fail");
  expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(token);
  return error;
}

describe("operationsOverHttp()", () => {
  test("sends the token and JSON below the URL, and keeps no slash twice", async () => {
    const { drain, requests } = operationsOn([answering(200, drained)], { url: `${url}/` });
    expect(await drain({ budget_ms: 1_000 })).toEqual(drained);
    const [request] = requests;
    expect(request).toMatchObject({
      method: "POST",
      url: "https://example.com/hooks/admin/api/drain",
      body: '{"budget_ms":1000}',
    });
    expect(request?.headers.get("Authorization")).toBe(`Bearer ${token}`);
    expect(request?.headers.get("Content-Type")).toBe("application/json");
  });

  test.each([
    ["example.com", /expected an https: URL/],
    ["ftp://example.com", /expected an https: URL/],
    ["http://example.com", /over http: the token could be read.*tunnel/],
    ["http://localhost.example.com", /over http:/],
    ["http://10.0.0.1", /over http:/],
    ["https://user:canary@example.com", /^(?!.*canary).*without credentials/],
    ["https://example.com/?token=canary", /^(?!.*canary).*without a query/],
  ])("refuses the URL %s", (url, expected) => {
    expect(() => operationsOverHttp({ url, token })).toThrow(expected);
  });

  test.each([
    "http://127.0.0.1:5000",
    "http://[::1]:5000",
    "http://localhost:5000/hooks",
  ])("takes %s, which stays on this machine", (url) => {
    operationsOverHttp({ url, token });
  });

  test.each(["", "canary\n", "canary\r\nX: y", " canary", "cänary"])(
    "refuses the token %j and does not repeat it",
    (token) => {
      expect(() => operationsOverHttp({ url, token })).toThrow(
        /^(?!.*c[aä]nary).*expected a token of ASCII/,
      );
    },
  );

  test.each(["", ".", "..", "a\u0001b"])("asks for no event of the id %j", async (id) => {
    const { getEvent, eventBody, redeliver, requests } = operationsOn([unreachable]);
    for (const call of [() => getEvent(id), () => eventBody(id), () => redeliver(id, {})]) {
      expect((await failureOf((async () => await call())())).code).toBe("unknown_event");
    }
    expect(requests).toHaveLength(0);
  });

  test("keeps an id within its segment of the path", async () => {
    const { getEvent, requests } = operationsOn([unreachable]);
    await failureOf(getEvent("../stats?x#y"));
    expect(requests[0]?.url).toMatch(/\/admin\/api\/events\/\.\.%2Fstats%3Fx%23y$/);
  });
});

describe("a server that cannot do it now", () => {
  const busy = (seconds: string) =>
    answering(503, { error: "The storage cannot do it now.", code: "storage_unavailable" }, {
      "Retry-After": seconds,
    });

  test.each(["stats", "listRejections", "redrive", "expect"] as const)(
    "is asked again when it says: %s",
    async (name) => {
      const operations = operationsOn([busy("2"), answering(429, "", {}), busy("0"), unreachable]);
      const inputs = { limit: 5, dry_run: false, job_id: "job_1", deadline_s: 1 };
      expect((await failureOf(operations[name](inputs))).code).toBe("unreachable");
      const [first = 0, ...more] = operations.requests.map(({ at }) => at);
      expect(more.map((at) => Math.round(at - first))).toEqual([2_000, 3_000, 4_000]);
      expect(operations.waits).toEqual([2_000, 1_000, 1_000]);
    },
  );

  test("is given up after four times, or at once where it asks for too long a wait", async () => {
    const four = operationsOn([busy("1")]);
    expect(await failureOf(four.stats())).toMatchObject({
      code: "busy",
      message: `${url} cannot do it now (storage_unavailable: The storage cannot do it now.): ` +
        "try again in 1 s.",
    });
    expect(four.requests).toHaveLength(4);
    const long = operationsOn([busy("3600")]);
    expect((await failureOf(long.stats())).message).toMatch(/try again in 3600 s\.$/);
    expect(long.requests).toHaveLength(1);
  });
});

describe("a server that fails", () => {
  const failures: Readonly<Record<string, readonly [Script, code: string, expected: RegExp]>> = {
    "is not there": [unreachable, "unreachable", /^No answer from .*ECONNREFUSED.*Does a server/],
    "repeats the token in an error of the network": [
      () => {
        throw new TypeError(`bad header: Bearer ${token}`);
      },
      "unreachable",
      /Bearer \[hidden\]/,
    ],
    "never answers": [silent, "timeout", /did not answer within 30 s\.$/],
    "knows another token": [
      answering(401, { error: "Send the admin token.", code: "unauthorized" }),
      "unauthorized",
      /^https:\/\/example\.com\/hooks refuses the token: expected the ADMIN_TOKEN/,
    ],
    "has no admin API": [
      answering(404, { error: "There is nothing here.", code: "not_found" }),
      "no_admin",
      /set ADMIN_TOKEN for the server.*before \/webhook/,
    ],
    "is no receiver, and has no such page": [answering(404, "<html>"), "no_admin", /no admin API/],
    "is no receiver, and has a page for all": [
      answering(200, "<html>"),
      "unreadable_answer",
      /is no JSON of a receiver/,
    ],
    "leads elsewhere": [
      answering(302, "", { Location: "https://evil.example/?x" }),
      "unreadable_answer",
      /redirect to https:\/\/evil\.example, which is not followed/,
    ],
    "leads nowhere": [answering(301, ""), "unreadable_answer", /a redirect, which is not/],
    "is of another version": [
      answering(200, { ...drained, lost: "none" }),
      "unreadable_answer",
      /has another form at lost: is a receiver of this version there\?/,
    ],
    "fails": [
      answering(500, { error: `Oh ${token}\n\u001b[31m.`, code: "internal_error" }, {
        "X-Request-Id": "req-1",
      }),
      "failed",
      /answered 500 \(internal_error: Oh \[hidden\] \[31m\.\)\. Its log says more of the request req-1\.$/,
    ],
    "fails without a word": [
      answering(502, "Bad Gateway", { "X-Request-Id": "a b" }),
      "failed",
      /answered 502 \(unknown\)\.$/,
    ],
  };
  for (const [how, [script, code, expected]] of Object.entries(failures)) {
    test(`is told in one sentence where it ${how}`, async () => {
      const { drain, requests } = operationsOn([script]);
      const error = await failureOf(drain({ budget_ms: 0 }));
      expect(error).toMatchObject({ code, message: expect.stringMatching(expected) });
      expect(error.message).not.toContain("\n");
      expect(requests).toHaveLength(1);
    });
  }

  test("is told of a body that is no attachment", async () => {
    const { eventBody } = operationsOn([answering(200, "<html>")]);
    expect(await failureOf(eventBody("evt_1"))).toMatchObject({ code: "unreadable_answer" });
  });

  test("is not waited for beyond the time-out while its answer drips", async () => {
    const drip: Script = (_, signal) =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(new Uint8Array([0x7b]));
            signal.addEventListener("abort", () => controller.error(signal.reason));
          },
        }),
      );
    const { stats } = operationsOn([drip], { timeoutMs: 700 });
    expect(await failureOf(stats())).toMatchObject({
      code: "timeout",
      message: expect.stringMatching(/within 0\.7 s/),
    });
  });

  test("is told apart from what is wrong with the request", async () => {
    const refused = {
      error: "The body: expected it.",
      code: "invalid_request",
      issues: [{ path: "processor", message: `expected one of a,\n${token}` }],
    };
    const { redeliver } = operationsOn([answering(422, refused)]);
    expect(await failureOf(redeliver("evt_1", { processor: "b" }))).toMatchObject({
      name: "OperationError",
      code: "invalid_request",
      issues: [{ path: "processor", message: "expected one of a, [hidden]" }],
    });
  });
});
