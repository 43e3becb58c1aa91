import { type Receiver, sign } from "imggo-webhooks";
import { execFile } from "node:child_process";
import { createServer, type RequestListener, type Server } from "node:http";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { root, runtimes, startProcess } from "../support/process.ts";
import { secret } from "../support/signed-request.ts";

const run = promisify(execFile);

/** What the platforms bring, as little of it as the page's code needs: they are too large to be installed. */
const platforms: Readonly<Record<string, string>> = {
  "next/server": "export function after(promise: Promise<unknown>): void;",
  "@vercel/functions": "export function waitUntil(promise: Promise<unknown>): void;",
};
const background = Symbol.for("imggo-webhooks.test.background");

// In the checkout, so that the code finds the packages that it imports.
let folder: string;
let snippets: string[];
let receiver: Receiver;
beforeAll(async () => {
  folder = await mkdtemp(join(root, "test", ".embedding-"));
  const page = await readFile(join(root, "src/entry/embedding.md"), "utf8");
  snippets = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
  vi.stubEnv("WEBHOOK_SECRET", secret);
  await writeFile(
    join(folder, "receiver.ts"),
    snippet("sqliteStorage(").replace("./imggo-webhooks.db", join(folder, "events.db")),
  );
  for (const [name, types] of Object.entries(platforms)) {
    const [, called] = /function (\w+)/.exec(types) ?? [];
    const path = join(folder, "node_modules", name);
    await mkdir(dirname(path), { recursive: true });
    const code =
      `export const ${called} = (promise) => globalThis[Symbol.for("${background.description}")].push(promise);`;
    await mkdir(path);
    await writeFile(
      join(path, "package.json"),
      '{"type":"module","exports":"./index.js","types":"./index.d.ts"}',
    );
    await writeFile(join(path, "index.js"), code);
    await writeFile(join(path, "index.d.ts"), types);
  }
  ({ receiver } = await import(pathToFileURL(join(folder, "receiver.ts")).href));
});
afterAll(async () => {
  await receiver.stop();
  await rm(folder, { recursive: true });
  vi.unstubAllEnvs();
  Reflect.deleteProperty(globalThis, background);
});

/** What platforms were told to wait for. */
let waitedFor: Promise<unknown>[];
/** What the page's processor printed, and what the receiver warned of. */
let printed: unknown[];
let warnings: string[];
beforeEach(() => {
  waitedFor = [];
  Reflect.set(globalThis, background, waitedFor);
  printed = [];
  warnings = [];
  const spies = [
    vi.spyOn(console, "log").mockImplementation((value) => void printed.push(value)),
    vi.spyOn(console, "warn").mockImplementation((text) => void warnings.push(String(text))),
    vi.spyOn(console, "info").mockImplementation(() => {}),
  ];
  return () => spies.forEach((spy) => spy.mockRestore());
});

/** The one piece of code that has such a part. */
function snippet(part: string): string {
  const found = snippets.filter((code) => code.includes(part));
  expect(found, part).toHaveLength(1);
  return String(found[0]);
}

let loaded = 0;
/** What a piece of code exports, that is changed a little so that a test can hold it. */
// deno-lint-ignore no-explicit-any -- whatever the code exports
async function load(part: string, change = (code: string) => code): Promise<any> {
  const file = join(folder, `${++loaded}.ts`);
  await writeFile(file, change(snippet(part)));
  return await import(pathToFileURL(file).href);
}

let jobs = 0;
const newBody = () =>
  JSON.stringify({ event: "job.completed", job_id: `j-${++jobs}`, result: { job: jobs } });

async function requestOf(body: string, origin = "http://localhost"): Promise<Request> {
  const headers = {
    "Content-Type": "application/json",
    "X-ImgGo-Signature": await sign(body, secret),
  };
  return new Request(`${origin}/hooks/webhook`, { method: "POST", headers, body });
}

/** Sends an event twice, and awaits that its processor has run. */
async function receives(
  handler: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  const body = newBody();
  const answers = [];
  for (const _ of ["first", "again"]) {
    const response = await handler(await requestOf(body));
    answers.push({ http: response.status, ...await response.json() });
  }
  expect(answers).toEqual([
    { http: 200, status: "received", id: expect.any(String) },
    { http: 200, status: "duplicate", id: answers[0].id },
  ]);
  await Promise.all(waitedFor);
  await expect.poll(() => printed).toContainEqual({ job: jobs });
}

/** Serves it, and hands on requests to it. */
async function served(listener: RequestListener): Promise<(request: Request) => Promise<Response>> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return toPort((server.address() as AddressInfo).port);
}

function toPort(port: number) {
  return async (request: Request) => {
    const { pathname } = new URL(request.url);
    const { method, headers } = request;
    const body = await request.text();
    return await fetch(`http://127.0.0.1:${port}${pathname}`, { method, headers, body });
  };
}

test("the code of the page type-checks", async () => {
  const checked = join(folder, "types");
  await mkdir(checked);
  const numbered = snippets.map((code, index) => [`${index}.ts`, code] as const);
  const ambient =
    "declare const Deno: { serve(handler: (request: Request) => Promise<Response>): void };";
  const files = [...numbered, ["receiver.ts", snippet("sqliteStorage(")], [
    "deno.d.ts",
    ambient,
  ]] as const;
  for (const [name, code] of files) await writeFile(join(checked, name), code);
  const tsconfig = { extends: "../../../tsconfig.json", include: ["*.ts"] };
  await writeFile(join(checked, "tsconfig.json"), JSON.stringify(tsconfig));
  const tsc = join(root, "node_modules/.bin/tsc");
  const { stdout } = await run(tsc, ["--project", checked]).catch((error) => error);
  expect(stdout).toBe("");
});

test("Hono receives by mount(), and hands on what the platform waits for", async () => {
  const { default: app } = await load("replaceRequest");
  await receives((request) => app.fetch(request));
  const context = { waitUntil: (promise: Promise<unknown>) => waitedFor.push(promise), props: {} };
  await receives((request) => app.fetch(request, {}, context));
  expect(waitedFor).not.toEqual([]);
  expect(await (await app.fetch(new Request("http://localhost/"))).text()).toBe("mine");
});

test("itty-router receives", async () => {
  const { default: router } = await load("AutoRouter");
  await receives((request) => router.fetch(request));
  expect(await (await router.fetch(new Request("http://localhost/"))).text()).toContain("mine");
});

const exportApp = (code: string) =>
  code.slice(0, code.indexOf("const server")) + "export default app;";

test("Express receives before its parsers, which parse all else", async () => {
  const { default: app } = await load("express()", exportApp);
  const send = await served(app);
  await receives(send);
  const { url } = new Request("http://localhost/");
  const headers = { "Content-Type": "application/json" };
  const mine = await send(new Request(url, { method: "POST", headers, body: '{"a":1}' }));
  expect(await mine.json()).toEqual({ a: 1 });
});

test("the log tells of a parser that Express has before the receiver", async () => {
  const { default: app } = await load("express()", (code) => {
    const parser = "app.use(express.json());\n";
    expect(code).toContain(parser);
    return exportApp(code.replace(parser, "").replace("// Before any", `${parser}// Before any`));
  });
  const send = await served(app);
  expect((await send(await requestOf(newBody()))).status).toBe(401);
  expect(warnings.join()).toContain("body parser");
});

test("Fastify receives, and parses all else", async () => {
  const { default: app } = await load(
    "Fastify()",
    (code) => code.replace("await app.listen({ port: 3000 });", "export default app;"),
  );
  await app.listen({ port: 0, host: "127.0.0.1" });
  const send = toPort(app.server.address().port);
  await receives(send);
  const headers = { "Content-Type": "application/json" };
  const mine = new Request("http://localhost/", { method: "POST", headers, body: '{"a":1}' });
  expect(await (await send(mine)).json()).toEqual({ a: 1 });
});

test("a route of Next.js receives, and processes after the answer", async () => {
  const { GET, POST } = await load("next/server");
  await receives(POST);
  expect(waitedFor).not.toEqual([]);
  expect((await GET(new Request("http://localhost/hooks/healthz"))).status).toBe(200);
});

test("an endpoint of SvelteKit receives", async () => {
  const { POST } = await load("+server.ts");
  await receives((request) => POST({ request }));
});

test("an endpoint of Astro receives", async () => {
  const { ALL, prerender } = await load("src/pages");
  expect(prerender).toBe(false);
  await receives((request) => ALL({ request }));
});

test("a function of Supabase receives on Deno, and processes after the answer", async () => {
  const file = join(folder, "supabase.ts");
  const code = snippet("EdgeRuntime").replace(
    "Deno.serve(",
    "Object.assign(globalThis, { EdgeRuntime: { waitUntil: () => console.log('waits') } });\nDeno.serve({ port: 0 }, ",
  );
  await writeFile(file, code);
  const server = startProcess([...runtimes.deno, file], {
    cwd: folder,
    env: { WEBHOOK_SECRET: secret },
  });
  const [, port = ""] = await server.prints(/:(\d+)\//);
  const response = await toPort(Number(port))(await requestOf(newBody()));
  expect(await response.json()).toMatchObject({ status: "received" });
  await server.prints(/waits/);
  await server.prints(new RegExp(`job: ${jobs}`));
  await server.end("SIGKILL");
});

test("a function of Netlify receives, and processes after the answer", async () => {
  const { default: handler, config } = await load("netlify/");
  expect(config).toEqual({ path: "/hooks/*" });
  const context = {
    waitUntil(promise: Promise<unknown>) {
      expect(this).toBe(context);
      waitedFor.push(promise);
    },
  };
  await receives((request) => handler(request, context));
  expect(waitedFor).not.toEqual([]);
});

test("a function of Vercel receives, and processes after the answer", async () => {
  const { POST } = await load("@vercel/functions");
  await receives(POST);
  expect(waitedFor).not.toEqual([]);
});

test.each([false, true])(
  "a function URL of AWS Lambda receives a body in Base64: %s",
  async (isBase64Encoded) => {
    const { handler } = await load("aws-lambda");
    await receives(async (request) => {
      const text = await request.text();
      const { statusCode, body } = await handler({
        version: "2.0",
        routeKey: "$default",
        rawPath: "/hooks/webhook",
        rawQueryString: "",
        headers: Object.fromEntries(request.headers),
        requestContext: {
          accountId: "anonymous",
          apiId: "a",
          domainName: "a.lambda-url.eu-central-1.on.aws",
          http: {
            method: "POST",
            path: "/hooks/webhook",
            protocol: "HTTP/1.1",
            sourceIp: "",
            userAgent: "",
          },
          stage: "$default",
          timeEpoch: 0,
        },
        body: isBase64Encoded ? Buffer.from(text).toString("base64") : text,
        isBase64Encoded,
      });
      return new Response(body, { status: statusCode });
    });
  },
);

test("the sweep runs what is due", async () => {
  const { sweep } = await load("drain(");
  expect(await sweep()).toMatchObject({ succeeded: expect.any(Number) });
});
