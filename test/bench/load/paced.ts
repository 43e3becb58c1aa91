import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runtimes } from "../../support/process.ts";
import type { Slice } from "../events.ts";
import { connections, type Loaded } from "./load.ts";

const run = promisify(execFile);
const file = fileURLToPath(new URL("paced-process.ts", import.meta.url));

/**
 * Posts so many events a second, whether or not the ones before are answered, from a process of its
 * own. The times are from when a request was due to its answer.
 */
export async function paced(
  url: URL,
  slice: Slice,
  perSecond: number,
  seconds: number,
): Promise<Pick<Loaded, "p50" | "p99">> {
  const [node = "", ...args] = [...runtimes.node, file];
  const request = JSON.stringify({ url, slice, perSecond, seconds, connections });
  return JSON.parse((await run(node, [...args, request])).stdout);
}
