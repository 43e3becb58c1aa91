import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { median } from "../median.ts";
import type { Bench } from "../report.ts";
import { startOurs } from "../servers/ours.ts";

const config = "export default { processors: { nothing() {} } };";

/** How many events a server takes in a second, and how many it takes and processes. */
export async function processed(
  { folder, load, events, options, progress }: Bench,
): Promise<{ accepted: number; processedPerSecond: number }> {
  const prepared = await events();
  const measure = async (role: "receiver" | "all") => {
    const own = await mkdtemp(join(folder, "queue-"));
    const file = join(own, "events.db");
    const started = await startOurs("node", own, `sqlite:${file}`, { role, config });
    try {
      const beganAt = performance.now();
      const slice = { ...prepared, skip: 0 };
      const { perSecond, accepted } = await load.run(started.url, slice, options.seconds);
      if (role === "receiver") return perSecond;
      const startUp = (performance.now() - beganAt) / 1_000 - accepted / perSecond;
      const database = new DatabaseSync(file, { readOnly: true });
      const left = database.prepare(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE state < 2) AS any",
      );
      while (left.get()?.["any"] === 1) await new Promise((resolve) => setTimeout(resolve, 10));
      database.close();
      // Without what the load takes to begin.
      return accepted / ((performance.now() - beganAt) / 1_000 - startUp);
    } finally {
      await started.stop();
    }
  };
  const rates = { receiver: [] as number[], all: [] as number[] };
  for (let round = 0; round < options.rounds; round++) {
    for (const role of ["receiver", "all"] as const) {
      const rate = await measure(role);
      rates[role].push(rate);
      progress(`${role}: ${Math.round(rate)} a second`);
    }
  }
  return { accepted: median(rates.receiver), processedPerSecond: median(rates.all) };
}
