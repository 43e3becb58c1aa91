import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const ends: (() => unknown)[] = [];

/** Has something ended with the benchmark, also where a signal ends it. The last one goes first. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}

/** Ends everything; what cannot be ended keeps nothing else from it. */
export async function endAll(): Promise<void> {
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    try {
      await end();
    } catch (error) {
      console.error(error);
    }
  }
}

/** Makes a temporary folder that goes with the benchmark. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-bench-"));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Ends everything at a signal too, and the process. */
export function endAtSignals(): void {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    process.once(signal, () => void endAll().finally(() => process.exit(code)));
  }
}
