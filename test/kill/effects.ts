import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How long a lease of the servers lasts. */
export const leaseMs = 2_000;

// What was begun and what was done stands in a file that outlives the process: one short line by one
// call of the system, of which a kill leaves all or nothing.
const config = `import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
export default {
  worker: {
    leaseMs: ${leaseMs}, pollMs: 200, maxAttempts: 100, concurrency: 20,
    backoff: { firstMs: 200, maxMs: 2_000 },
  },
  processors: {
    async work({ data: { job_id: job } }, { id, attempt }) {
      const write = (what) =>
        appendFileSync("effects.txt", [what, job, id, attempt].join(" ") + "\\n");
      write("begins");
      await pause(20 * Math.random());
      const hopeless = job % 1_000 === 999;
      if (hopeless) throw Object.assign(new Error("no"), { name: "PermanentError" });
      write("done");
    },
  },
};`;

/** A line of what processors did. */
export interface Effect {
  readonly what: "begins" | "done";
  readonly job: number;
  readonly id: string;
  readonly attempt: number;
}

/** Fills the folder of servers with their configuration. */
export async function prepareEffects(cwd: string): Promise<void> {
  await writeFile(join(cwd, "imggo.config.mjs"), config);
  await writeFile(join(cwd, "effects.txt"), "");
}

/** All that processors did so far. */
export async function readEffects(cwd: string): Promise<readonly Effect[]> {
  const lines = (await readFile(join(cwd, "effects.txt"), "utf8")).split("\n").slice(0, -1);
  return lines.map((line) => {
    const [what, job, id = "", attempt] = line.split(" ");
    return { what: what as Effect["what"], job: Number(job), id, attempt: Number(attempt) };
  });
}
