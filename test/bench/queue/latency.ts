import { join } from "node:path";
import { createReceiver } from "../../../src/index.ts";
import { sqliteStorage } from "../../../src/storage/sqlite.ts";
import { bodyOf, secret, signatureOf } from "../events.ts";
import { quantile } from "../median.ts";

const count = 300;
const apartMs = 10;

/** How long after its answer an event's processor starts, where there is little to do: in milliseconds. */
export async function latency(folder: string): Promise<{ p50: number; p90: number }> {
  const startedAt = new Map<string, number>();
  const storage = sqliteStorage(join(folder, "latency.db"));
  const receiver = createReceiver({
    secret,
    storage,
    processors: { a: ({ data }) => void startedAt.set(data.job_id, performance.now()) },
  });
  receiver.start();
  const answeredAt = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const body = bodyOf(index);
    const headers = { "X-ImgGo-Signature": signatureOf(body) };
    const request = new Request("http://localhost/webhook", { method: "POST", headers, body });
    const { status } = await receiver.fetch(request);
    if (status !== 200) throw new Error(`answered ${status}`);
    answeredAt.set(JSON.parse(body).data.job_id, performance.now());
    await new Promise((resolve) => setTimeout(resolve, apartMs));
  }
  await receiver.stop();
  await storage.close();
  const times = [...answeredAt].map(([job, at]) => (startedAt.get(job) ?? Infinity) - at);
  return { p50: quantile(times, 0.5), p90: quantile(times, 0.9) };
}
