/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Process, root, runtimes, startProcess } from "../../support/process.ts";

/** The ids behind a word, of whole lines only. */
function printed(children: readonly Process[], word: string): string[] {
  const lines = new RegExp(`^${word} (\\S+)\\n`, "gm");
  return children.flatMap((child) => [...child.output().matchAll(lines)])
    .map(([, id = ""]) => id);
}

test("denoKvStorage() in several processes, two of them killed, loses nothing and repeats nothing", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const file = join(cwd, "events.kv");
  const jobs = 200;
  const script = `${root}test/support/deno-kv-process.ts`;
  const start = () => {
    const child = startProcess([...runtimes.deno, script, file, `${jobs}`], { cwd, env: {} });
    onTestFinished(async () => void await child.end("SIGKILL"));
    return child;
  };
  const killed = [start(), start()];
  const others = [start(), start()];
  for (const child of killed) {
    await child.prints(/^(?:stored|knows) /m, 30);
    expect(await child.end("SIGKILL")).toBe("SIGKILL");
  }
  for (const child of others) expect(await child.ended, child.output()).toBe(0);

  const kv = await Deno.openKv(file);
  onTestFinished(() => kv.close());
  const { events } = await denoKvStorage(kv).list({ limit: jobs + 1 });
  expect(new Set(events.map(({ jobId }) => jobId)).size).toBe(jobs);
  expect(events).toHaveLength(jobs);
  const children = [...killed, ...others];
  const ids = events.map(({ id }) => id);
  const stored = printed(children, "stored");
  expect(new Set(stored).size).toBe(stored.length);
  expect(ids).toEqual(expect.arrayContaining([...stored, ...printed(children, "knows")]));
  const done = printed(children, "done");
  expect(new Set(done).size).toBe(done.length);
  for (const { id, deliveries } of events) {
    const [delivery] = deliveries;
    if (done.includes(id)) expect(delivery).toMatchObject({ state: "succeeded", attempts: 1 });
    // The rest is what the killed ones were running, or had run and did not get to say so.
    else expect(["running", "succeeded"]).toContain(delivery?.state);
  }
});
