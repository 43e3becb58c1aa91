import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { sign } from "imggo-webhooks";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { root } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { bundle, type RunningWorkers, startWorkers } from "../support/workerd.ts";
import { secret } from "./contract.ts";

const run = promisify(execFile);

// In the checkout, so that the code finds the packages that it imports.
let folder: string;
let text: string;
beforeAll(async () => {
  folder = await mkdtemp(join(root, "test", ".readme-"));
  const document = await readFile(join(root, "src/entry/README.md"), "utf8");
  text = document.slice(document.indexOf("\n## Cloudflare Workers\n"));
});
afterAll(() => rm(folder, { recursive: true }));

const blocks = (language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"))]
    .map(([, code = ""]) => code);

/** What is read here of a `wrangler.jsonc`. */
interface Wrangler {
  readonly name: string;
  readonly main: string;
  readonly compatibility_date: string;
  readonly d1_databases: readonly { readonly binding: string; readonly database_id: string }[];
  readonly queues: {
    readonly producers: readonly { readonly binding: string; readonly queue: string }[];
    readonly consumers: readonly {
      readonly queue: string;
      readonly max_batch_size: number;
      readonly max_batch_timeout: number;
    }[];
  };
  readonly triggers: { readonly crons: readonly string[] };
  readonly vars: Record<string, string>;
}

function readWrangler(): Wrangler {
  const [jsonc = ""] = blocks("jsonc");
  return JSON.parse(jsonc.replace(/^\s*\/\/.*$/gm, ""));
}

/** Runs a Worker with what this configuration says, and the secret. */
async function deploy(script: string, wrangler: Wrangler): Promise<RunningWorkers> {
  const { d1_databases, queues, vars } = wrangler;
  const workers = await startWorkers({
    script,
    name: wrangler.name,
    compatibilityDate: wrangler.compatibility_date,
    d1Databases: Object.fromEntries(d1_databases.map((each) => [each.binding, each.database_id])),
    queueProducers: Object.fromEntries(queues.producers.map((each) => [each.binding, each.queue])),
    queueConsumers: Object.fromEntries(queues.consumers.map((each) => [
      each.queue,
      { maxBatchSize: each.max_batch_size, maxBatchTimeout: each.max_batch_timeout },
    ])),
    bindings: { ...vars, WEBHOOK_SECRET: secret },
  });
  onTestFinished(() => workers.stop());
  return workers;
}

async function post({ url }: RunningWorkers, jobId: string): Promise<Response> {
  const body = `{"event":"job.succeeded","data":{"job_id":"${jobId}","result":{"total":12.5}}}`;
  const headers = { "X-ImgGo-Signature": await sign(body, secret) };
  return await fetch(new URL("/webhook", url), { method: "POST", headers, body });
}

test("the deployment README has code that type-checks", async () => {
  const snippets = blocks("ts");
  expect(snippets.length).toBeGreaterThan(1);
  await Promise.all(
    snippets.map((code, index) => writeFile(join(folder, `snippet-${index}.ts`), code)),
  );
  const tsconfig = { extends: "../../tsconfig.json", include: ["snippet-*.ts"] };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  await run(process.execPath, [join(root, "node_modules/.bin/tsc"), "--project", folder]);
});

test("the deployment README has a Worker and a wrangler.jsonc that work together", async () => {
  const posted = Promise.withResolvers<{ key: unknown; body: unknown }>();
  const books = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => body += part).on("end", () => {
      posted.resolve({ key: request.headers["idempotency-key"], body: JSON.parse(body) });
      response.writeHead(201).end();
    });
  });
  await new Promise<void>((resolve) => books.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void books.close());
  const { port } = books.address() as AddressInfo;

  const wrangler = readWrangler();
  const [code = ""] = blocks("ts");
  const file = join(folder, wrangler.main);
  await writeFile(file, code.replace("https://books.example.com", `http://127.0.0.1:${port}`));
  const workers = await deploy((await bundle(file)).script, wrangler);
  const response = await post(workers, "j-1");
  expect(response.status).toBe(200);
  const { id } = await response.json();
  expect(await posted.promise).toEqual({ key: id, body: { total: 12.5 } });
  expect(await workers.scheduled()).toBe("ok");
});

test("the deployment README names a file that is a Worker as it is", async () => {
  const [, main = ""] = /`(src\/entry\/[\w.]+)` in a\s+checkout/.exec(text) ?? [];
  expect(text).toContain(main.replace("src/", "dist/").replace(/\.ts$/, ".js"));
  const sink = await startSink();
  onTestFinished(() => sink.close());
  const { vars, ...wrangler } = readWrangler();
  const forwarding = { FORWARD_URL: sink.url, FORWARD_ALLOW_PRIVATE: "true" };
  const { script } = await bundle(main);
  const workers = await deploy(script, { ...wrangler, vars: { ...vars, ...forwarding } });
  const { id } = await (await post(workers, "j-1")).json();
  expect(await sink.received(id)).toBeDefined();
});

test("the deployment README names the queue, the database and the cron trigger alike", () => {
  const { name, queues, triggers } = readWrangler();
  const [commands = ""] = blocks("sh");
  expect(commands).toContain(`wrangler d1 create ${name}`);
  expect(queues.producers).toMatchObject(queues.consumers.map(({ queue }) => ({ queue })));
  for (const { queue } of queues.consumers) {
    expect(commands).toContain(`wrangler queues create ${queue}`);
  }
  expect(triggers.crons).toEqual(["* * * * *"]);
});
