import { execFile } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../support/process.ts";
import { signatureOf } from "./events.ts";
import { connections } from "./load/load.ts";
import { memoryOf } from "./memory/process-status.ts";
import type { Part } from "./report.ts";
import { startOurs } from "./servers/ours.ts";

const run = promisify(execFile);
const mebibyte = 2 ** 20;

/** What memory a server needs, on Node.js with SQLite: for large bodies at once, and by and by. */
export const benchMemory: Part = async ({ folder, load, events, options, progress }) => {
  await run("npm", ["run", "build"], { cwd: root });
  const start = async () => {
    const own = await mkdtemp(join(folder, "memory-"));
    const started = await startOurs("node", own, `sqlite:${join(own, "events.db")}`, {
      built: true,
    });
    return { ...started, memory: () => memoryOf(started.pid ?? 0) ?? { resident: NaN, peak: NaN } };
  };

  const large = await start();
  const idle = large.memory().resident;
  await Promise.all(Array.from({ length: connections }, async (_, index) => {
    const body = bodyOfMebibyte(index);
    const headers = { "X-ImgGo-Signature": signatureOf(body) };
    const response = await fetch(large.url, { method: "POST", headers, body });
    if (response.status !== 200) throw new Error(`a large body was answered ${response.status}`);
    await response.body?.cancel();
  }));
  const { peak } = large.memory();
  await large.stop();

  const many = await start();
  const prepared = await events();
  const each = 100_000;
  let stored = 0;
  const rows = [
    { what: "after its start", MB: idle.toFixed(0) },
    { what: `most, ${connections} bodies of 1 MiB at once`, MB: peak.toFixed(0) },
  ];
  for (let skip = 0; skip + each <= prepared.count; skip += each) {
    const { accepted } = await load.run(
      many.url,
      { ...prepared, skip, count: each },
      options.seconds * 2,
    );
    stored += Math.min(accepted, each);
    rows.push({ what: `after ${stored} events`, MB: many.memory().resident.toFixed(0) });
    progress(`${stored} events: ${many.memory().resident.toFixed(0)} MB`);
  }
  await many.stop();
  return {
    tables: [{ title: "Memory of the server as it is installed, Node.js, SQLite", rows }],
    figures: { "peak MB, 64 × 1 MiB, Node.js": peak },
  };
};

function bodyOfMebibyte(index: number): string {
  const event = {
    event: "job.succeeded",
    data: { job_id: `large-${index}`, result: { text: "" } },
  };
  const { length } = JSON.stringify(event);
  event.data.result.text = "x".repeat(mebibyte - length);
  return JSON.stringify(event);
}
