import { inspect } from "node:util";
import { createImgGoClient, type ImgGoClient, ImgGoError } from "imggo-webhooks/imggo";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstVariants, otherVariants, type Variants } from "../support/imggo-answers.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";

let service: ImgGoService;
let client: ImgGoClient;
const url = "https://example.com/webhook";
const events = ["job.succeeded", "job.failed"];

beforeEach(async () => {
  service = await startImgGoService();
  client = createImgGoClient({ ...service, requestsPerMinute: 100 });
});
afterEach(() => service.close());

const asked = () => service.requests.map(({ method, path }) => `${method} ${path}`);

/** The error that a promise is rejected with. */
async function errorOf(promise: Promise<unknown>): Promise<ImgGoError> {
  const error = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(ImgGoError);
  return error as ImgGoError;
}

const forms: Readonly<Record<string, Variants>> = {
  "the first forms": firstVariants,
  "the other forms": otherVariants,
  "a list in data.data": { ...firstVariants, list: "data.data" },
};

describe.each(Object.entries(forms))("with %s of answers", (_, variants) => {
  beforeEach(() => {
    service.variants = variants;
  });

  test("create() registers a webhook and shows its secret", async () => {
    const created = await client.webhooks.create({ url, events });
    const [kept] = service.webhooks;
    expect(created).toEqual({
      id: kept?.id,
      url,
      events,
      active: true,
      createdAt: kept?.createdAt,
      secret: kept?.secret,
    });
    expect(created.secret).toMatch(/^[0-9a-f]{64}$/);
    expect(service.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${service.apiKey}`,
      "content-type": "application/json",
    });
    expect(JSON.parse(service.requests[0]?.body ?? "")).toEqual({ url, events });
  });

  test("list() reads every webhook, without secrets", async () => {
    service.addWebhook({ url, active: false, lastTriggeredAt: "2026-01-15T10:30:00Z" });
    service.addWebhook({ url: "https://example.com/other", events: ["job.queued"] });
    const webhooks = await client.webhooks.list();
    expect(webhooks).toMatchObject([
      { url, events, active: false, lastTriggeredAt: "2026-01-15T10:30:00Z" },
      { url: "https://example.com/other", events: ["job.queued"], active: true },
    ]);
    expect(webhooks.map(({ id }) => id)).toEqual(service.webhooks.map(({ id }) => id));
    expect(webhooks.flatMap(Object.keys)).not.toContain("secret");
  });

  test("an error has ImgGo's code, its status, and what to do", async () => {
    service.limits = { webhooks: 0 };
    expect(await errorOf(client.webhooks.create({ url, events }))).toMatchObject({
      code: "PLAN_LIMIT_EXCEEDED",
      status: 403,
      message: expect.stringMatching(
        /^The limit of your ImgGo plan is reached: .*"Your plan allows no more webhooks"/,
      ),
    });
  });
});

describe("create()", () => {
  test("sends the secret that it is given, and tells it", async () => {
    const secret = "a secret of our own choice";
    expect(await client.webhooks.create({ url, events, secret })).toMatchObject({ secret });
    expect(service.webhooks).toMatchObject([{ secret }]);
  });

  test.each(["drop", "break", { status: 500 }, { status: 502, body: "<html>" }] as const)(
    "finds the webhook where the answer is lost: %j",
    async (kind) => {
      service.faults.push({ method: "POST", kind, done: true });
      const created = await client.webhooks.create({ url, events });
      expect(created).toMatchObject({ id: service.webhooks[0]?.id, url, secret: undefined });
      expect(asked()).toEqual(["POST /webhooks", "GET /webhooks"]);
    },
  );

  test.each(["drop", { status: 500 }, { status: 503 }] as const)(
    "sends it again only once it knows that it is not there: %j",
    async (kind) => {
      service.faults.push({ method: "POST", kind });
      const created = await client.webhooks.create({ url, events });
      expect(created.secret).toBe(service.webhooks[0]?.secret);
      expect(asked()).toEqual(["POST /webhooks", "GET /webhooks", "POST /webhooks"]);
    },
  );

  test("looks for the webhook where the answer cannot be read", async () => {
    service.faults.push({ method: "POST", kind: { status: 201, body: "<html>" }, done: true });
    expect(await client.webhooks.create({ url, events })).toMatchObject({ secret: undefined });
    expect(service.webhooks).toHaveLength(1);
  });

  test("does not lose the secret of an answer that leaves out the rest", async () => {
    const data = { webhook_id: 7, secret: "the secret that ImgGo shows once" };
    service.faults.push({ kind: { status: 201, body: { success: true, data } } });
    expect(await client.webhooks.create({ url, events }))
      .toEqual({ id: "7", url, events, active: true, secret: data.secret });
  });

  test("takes an empty secret for none", async () => {
    service.faults.push({ kind: { status: 201, body: { data: { id: "w-1", secret: "" } } } });
    expect(await client.webhooks.create({ url, events })).toMatchObject({ secret: undefined });
  });

  test("says that nobody knows, where it cannot look either", async () => {
    service.faults.push({ method: "POST", kind: "drop", done: true });
    service.faults.push({ method: "GET", kind: { status: 403 } });
    const error = await errorOf(client.webhooks.create({ url, events }));
    expect(error.code).toBe("network_error");
    expect(error.message).toMatch(/^Whether the webhook was registered is not known\. ImgGo could/);
  });

  test.each([400, 401, 403, 404, 409, 422])(
    "does not repeat what is refused with %i",
    async (status) => {
      service.faults.push({ kind: { status } });
      expect(await errorOf(client.webhooks.create({ url, events }))).toMatchObject({ status });
      expect(asked()).toEqual(["POST /webhooks"]);
    },
  );

  test("waits for a rate limit and then sends it again, for it was not done", async () => {
    service.faults.push({ kind: { status: 429, headers: { "Retry-After": "0" } } });
    expect((await client.webhooks.create({ url, events })).secret).toBeTypeOf("string");
    expect(asked()).toEqual(["POST /webhooks", "POST /webhooks"]);
  });

  test.each([
    [{ url: "example.com", events }, /expected url/],
    [{ url: "ftp://example.com", events }, /expected url/],
    [{ url, events: [] }, /at least one event/],
    [{ url, events, secret: "too short" }, /at least 16/],
  ])("refuses %j", async (request, expected) => {
    await expect(client.webhooks.create(request)).rejects.toThrow(expected);
    expect(asked()).toEqual([]);
  });
});

describe("delete()", () => {
  test("deletes, and says what is not there", async () => {
    const { id } = service.addWebhook({ url });
    await client.webhooks.delete(id);
    expect(service.webhooks).toEqual([]);
    const error = await errorOf(client.webhooks.delete(id));
    expect(error).toMatchObject({ code: "NOT_FOUND", status: 404 });
  });

  test.each(["drop", "break", { status: 500 }] as const)(
    "takes what is gone for deleted, where an answer was lost: %j",
    async (kind) => {
      const { id } = service.addWebhook({ url });
      service.faults.push({ kind, done: true });
      await client.webhooks.delete(id);
      expect(asked()).toEqual([`DELETE /webhooks/${id}`, `DELETE /webhooks/${id}`]);
    },
  );

  test("does not take what is gone for deleted after a mere refusal", async () => {
    service.faults.push({ kind: { status: 429, headers: { "Retry-After": "0" } } });
    expect(await errorOf(client.webhooks.delete("none"))).toMatchObject({ status: 404 });
  });

  test("does not take a page of somebody else for a success", async () => {
    service.faults.push({ kind: { status: 200, body: "<html>Welcome to the hotel</html>" } });
    const { id } = service.addWebhook({ url });
    expect(await errorOf(client.webhooks.delete(id))).toMatchObject({ code: "unreadable_answer" });
    service.faults.push({ kind: { status: 200, body: { success: false, error: { code: "X" } } } });
    expect(await errorOf(client.webhooks.delete(id))).toMatchObject({ code: "X", status: 200 });
  });

  test.each(["", ".", "..", "a\nb", "x".repeat(256)])("refuses the id %j", async (id) => {
    await expect(client.webhooks.delete(id)).rejects.toThrow(/^The id is unfit: expected/);
    expect(asked()).toEqual([]);
  });

  test("keeps an id one segment of the path", async () => {
    await errorOf(client.webhooks.delete("a/b?c#d%"));
    expect(asked()).toEqual(["DELETE /webhooks/a%2Fb%3Fc%23d%25"]);
  });
});

describe("ensure()", () => {
  test("registers once, however often it is called", async () => {
    const first = await client.webhooks.ensure({ url, events });
    expect(first).toMatchObject({ outcome: "created", webhook: { secret: expect.any(String) } });
    const again = await client.webhooks.ensure({ url, events: [...events].reverse() });
    expect(again).toMatchObject({ outcome: "unchanged", webhook: { id: first.webhook.id } });
    expect(asked()).toEqual(["GET /webhooks", "POST /webhooks", "GET /webhooks"]);
  });

  test("takes job.completed and job.succeeded for the same, and a URL however it is written", async () => {
    service.addWebhook({ url: "https://EXAMPLE.com:443", events: ["job.completed", "job.failed"] });
    const { outcome } = await client.webhooks.ensure({ url: "https://example.com/", events });
    expect(outcome).toBe("unchanged");
  });

  test("says how a webhook differs, and changes nothing", async () => {
    service.addWebhook({ url, events: ["job.queued"], active: false });
    expect(await client.webhooks.ensure({ url, events })).toMatchObject({
      outcome: "drifted",
      drift: [
        { field: "events", is: ["job.queued"], wanted: events },
        { field: "active", is: false, wanted: true },
      ],
    });
    expect(asked()).toEqual(["GET /webhooks"]);
  });

  test("replaces one that differs, where it is told to", async () => {
    const { id, secret } = service.addWebhook({ url, active: false });
    const replaced = await client.webhooks.ensure({ url, events }, { replace: true });
    expect(replaced.outcome).toBe("replaced");
    expect(service.webhooks).toMatchObject([{ url, events, active: true }]);
    expect(replaced.webhook.id).not.toBe(id);
    expect(replaced).not.toMatchObject({ webhook: { secret } });
  });

  test("goes on where somebody else deletes what it was to replace", async () => {
    service.addWebhook({ url, active: false });
    service.faults.push({ method: "DELETE", kind: { status: 404 }, done: true });
    expect(await client.webhooks.ensure({ url, events }, { replace: true }))
      .toMatchObject({ outcome: "replaced", webhook: { active: true } });
  });

  test("says that it deleted the webhook where it could not register it anew", async () => {
    service.addWebhook({ url, active: false });
    service.faults.push({ method: "POST", kind: { status: 403, code: "PLAN_LIMIT_EXCEEDED" } });
    const error = await errorOf(client.webhooks.ensure({ url, events }, { replace: true }));
    expect(error.message).toMatch(/^The webhook was deleted, and could not be registered anew\. /);
    expect(error).toMatchObject({ code: "PLAN_LIMIT_EXCEEDED", status: 403 });
  });

  test("called twice at once registers one", async () => {
    const outcomes = await Promise.all([
      client.webhooks.ensure({ url, events }),
      client.webhooks.ensure({ url, events }),
    ]);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["created", "unchanged"]);
    expect(service.webhooks).toHaveLength(1);
  });
});

describe("secrecy", () => {
  const key = "canary-key-of-the-account";
  const secret = "canary-secret-of-a-webhook";

  test("neither the client nor its errors show the key or a secret", async () => {
    service.faults.push(
      { kind: { status: 401, code: `BAD_${key}`, message: `${key} is no key` } },
      { kind: { status: 422, message: `The secret ${secret}\u001b[2J is weak` } },
      { kind: { status: 200, body: { success: true, data: [{ id: 1, url: key, events: key }] } } },
      { kind: { status: 200, body: { success: true, data: { secret } } } },
      { kind: { status: 400, headers: { "X-Request-Id": key }, body: key } },
    );
    const { webhooks } = createImgGoClient({ ...service, apiKey: key });
    const errors = [
      await errorOf(webhooks.list()),
      await errorOf(webhooks.create({ url, events, secret })),
      await errorOf(webhooks.list()),
      await errorOf(webhooks.list()),
      await errorOf(webhooks.list()),
    ];
    const all = [webhooks, ...errors]
      .flatMap((each) => [inspect(each, { depth: 9, showHidden: true }), JSON.stringify(each)]);
    expect(all.join("\n")).not.toContain("canary");
    expect(all.join("\n")).not.toContain("\u001b[2J");
    expect(errors[1]?.message).toContain('"The secret [hidden] [2J is weak"');
  });

  test("a network error does not show what it holds", async () => {
    const { webhooks } = createImgGoClient({
      ...service,
      apiKey: key,
      deadlineMs: 2_000,
      requestsPerMinute: 100,
      fetch: (_, init) => {
        const { Authorization } = init?.headers as Record<string, string>;
        return Promise.reject(new TypeError(`no answer to ${Authorization}`, { cause: init }));
      },
    });
    const error = await errorOf(webhooks.list());
    expect(error.code).toBe("network_error");
    expect(error.message).toContain("no answer to Bearer [hidden]");
    expect(error.cause).toBeUndefined();
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("canary");
  });

  test("the key goes to no other place by a redirect", async () => {
    const other = await startImgGoService();
    try {
      const Location = `${other.baseUrl}/webhooks`;
      service.faults.push({ kind: { status: 307, headers: { Location } } });
      const error = await errorOf(client.webhooks.create({ url, events }));
      expect(error.message).toContain("redirect");
      expect(error.code).toBe("unreadable_answer");
      expect(other.requests).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test.each([
    [{ apiKey: "" }, /apiKey: expected the API key/],
    [{ apiKey: "canary\n" }, /apiKey: expected an API key of ImgGo, without spaces/],
    [{ baseUrl: "http://canary.example/api" }, /baseUrl: expected an https: URL/],
    [{ baseUrl: "https://canary:canary@img-go.com/api" }, /without credentials/],
    [{ requestsPerMinute: 0 }, /requestsPerMinute: expected a whole number/],
    [{ deadlineMs: 2 ** 31 }, /deadlineMs: expected a whole number from 1 to 2147483647/],
    [{ timeoutMs: NaN }, /timeoutMs: expected/],
  ])("createImgGoClient() refuses %j", (options, expected) => {
    const create = () => createImgGoClient({ apiKey: "key", ...options });
    expect(create).toThrow(expected);
    expect(create).not.toThrow(/canary/);
  });
});
