import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runtimes } from "../../support/process.ts";
import { connections, type Load } from "./load.ts";

const run = promisify(execFile);
const file = fileURLToPath(new URL("autocannon-process.ts", import.meta.url));

/** `autocannon`, in a process of its own: for where there is no `wrk`. */
export const autocannon: Load = {
  name: "autocannon",
  async run(url, slice, seconds) {
    const [node = "", ...args] = [...runtimes.node, file];
    const request = JSON.stringify({ url, slice, seconds, connections });
    return JSON.parse((await run(node, [...args, request])).stdout);
  },
};
