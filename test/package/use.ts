// What a user of the package writes. Each runtime runs it where only the packed package is
// installed, and tsc checks it there with the declarations that came with it.
import { createReceiver, handlers, type Receiver, sign, type Storage } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import manifest from "imggo-webhooks/package.json" with { type: "json" };

const secret = "the secret that ImgGo showed once";

async function processed(storage: Storage): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const receiver: Receiver = createReceiver({
    secret,
    storage,
    processors: {
      invoices: handlers({ "job.succeeded": ({ data: { result } }) => resolve(result) }),
    },
  });
  const body = '{"event":"job.completed","job_id":"j-1","result":{"total":12.5}}';
  const headers = { "X-ImgGo-Signature": await sign(body, secret) };
  const request = new Request("http://localhost/webhook", { method: "POST", headers, body });
  const { status } = await receiver.fetch(request);
  const result = await promise;
  await receiver.stop();
  await storage.close();
  return { status, result };
}

const names: Record<string, readonly string[]> = {};
for (const subpath of Object.keys(manifest.exports)) {
  if (subpath === "./package.json") continue;
  const module: object = await import(subpath.replace(".", "imggo-webhooks"));
  names[subpath] = Object.keys(module).sort();
}
const memory = await processed(memoryStorage());
const sqlite = await processed(sqliteStorage(`./${crypto.randomUUID()}.db`));
console.log(JSON.stringify({ names, memory, sqlite }));
