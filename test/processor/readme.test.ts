import { type Config, createReceiver } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { root } from "../support/process.ts";
import { secret, signedRequest } from "../support/signed-request.ts";
import { flatWithResult, nested, sampleJob } from "../support/wire.ts";
import { writePattern } from "../support/written-pattern.ts";

// In the checkout, so that the code finds the packages that it imports.
let folder: string;
let snippets: string[];
beforeAll(async () => {
  folder = await mkdtemp(join(root, "test", ".processors-"));
  await writePattern(folder);
  const document = await readFile(join(root, "src/processor/README.md"), "utf8");
  snippets = [...document.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
});
afterAll(() => rm(folder, { recursive: true }));

/** Runs the processors of the one snippet that has this part; what they print, and the deliveries. */
async function run(part: string, wires: readonly object[]) {
  const found = snippets.filter((code) => code.includes(part));
  expect(found).toHaveLength(1);
  const file = join(folder, `${snippets.indexOf(found[0] ?? "")}.ts`);
  await writeFile(file, (found[0] ?? "").replaceAll('"./results', `"${folder}/results`));
  const { default: config }: { default: Config } = await import(pathToFileURL(file).href);
  const printed: unknown[] = [];
  const print = vi.spyOn(console, "log").mockImplementation((...words) =>
    printed.push(words.join(" "))
  );
  const storage = memoryStorage();
  const { processors = {} } = config;
  const receiver = createReceiver({ secret, storage, processors, role: "receiver" });
  const ids: string[] = [];
  try {
    for (const wire of wires) {
      ids.push((await (await receiver.fetch(await signedRequest(wire))).json()).id);
      await receiver.drain();
    }
  } finally {
    await receiver.stop();
    print.mockRestore();
  }
  const stored = await Promise.all(ids.map((id) => storage.get(id)));
  const deliveries = stored.flatMap((event) => event?.deliveries ?? [])
    .map(({ processor, state }) => `${processor} ${state}`);
  return { printed, deliveries };
}

let jobs = 0;
const succeeded = (pattern_id: string, result: unknown) =>
  nested.succeeded({ ...sampleJob, job_id: `j-${++jobs}`, pattern_id, result });
const invoice = "6b1f3c2a-8d5e-4f0a-9c7b-2e1d0f9a8b7c";

test("the README has results that are typed by schemas of one's own", async () => {
  expect(
    await run("pat_receipts", [
      succeeded("pat_receipts", { shop: "Bäcker" }),
      succeeded(invoice, { number: "7", total: 12.5 }),
      succeeded(invoice, { number: "7", total: "12.5" }),
    ]),
  ).toEqual({
    printed: ["Bäcker", "12.50"],
    deliveries: ["books succeeded", "books succeeded", "books dead"],
  });
});

test("the README has results that are typed by what `types` wrote", async () => {
  expect(
    await run("fromJSONSchema", [
      succeeded(invoice, { number: "7", total: 12.5 }),
      succeeded(invoice, { total: 12.5 }),
    ]),
  ).toEqual({ printed: ["12.50"], deliveries: ["invoices succeeded", "invoices dead"] });
});

test("the README has results that are text", async () => {
  const menu = { _raw: "dishes:\n  - name: Soup\n    price: 7.5\n", _format: "yaml" };
  const { printed, deliveries } = await run("parseManifest", [succeeded("pat_menu", menu)]);
  expect(printed.sort()).toEqual(["1 dishes", menu._raw].sort());
  expect(deliveries.sort()).toEqual(["menus succeeded", "texts succeeded"]);
});

test("the README has processors for some events, and for changed ones in a file", async () => {
  const { deliveries } = await run("filter(", [succeeded("pat_other", { total: 1 })]);
  expect(deliveries.sort()).toEqual(["archive succeeded", "invoices succeeded"]);
  const line = await readFile(join(folder, "results.ndjson"), "utf8");
  expect(JSON.parse(line)).toMatchObject({ data: { source: "scanner", result: { total: 1 } } });
});

test("the README has a table", async () => {
  const { deliveries } = await run("DatabaseSync", [succeeded(invoice, { total: 12.5 })]);
  expect(deliveries).toEqual(["invoices succeeded"]);
  const database = new DatabaseSync(join(folder, "results.db"));
  expect(database.prepare("SELECT total FROM invoices").all()).toEqual([{ total: 12.5 }]);
  database.close();
});

test("the README has a chat, where its URL is set", async () => {
  const { deliveries } = await run("chatOnFailure", [flatWithResult.failed(sampleJob)]);
  expect(deliveries).toEqual(["log succeeded"]);
});
