import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { connections, type Load } from "./load.ts";

const run = promisify(execFile);

// Requests are made before the run; what is asked for then is only the next one. The Lua of an
// `init` runs before the clock does.
const script = `
local requests, at = {}, 0
function init()
  local skip, count = tonumber(os.getenv("SKIP")), tonumber(os.getenv("COUNT"))
  local number = 0
  for line in io.lines(os.getenv("EVENTS")) do
    number = number + 1
    if number > skip + count then break end
    if number > skip then
      requests[#requests + 1] = wrk.format("POST", wrk.path, {
        ["Host"] = "127.0.0.1",
        ["Content-Type"] = "application/json",
        ["User-Agent"] = "ImgGo-Webhook/1.0",
        ["X-ImgGo-Signature"] = "sha256=" .. line:sub(1, 64),
      }, line:sub(66))
    end
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"status":%d,"broken":%d,"p50":%f,"p99":%f}',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
`;

/** Whether Debian's `wrk` is installed. */
export async function hasWrk(): Promise<boolean> {
  return await versionOfWrk() !== undefined;
}

/** Its version; undefined where it is not installed. */
export async function versionOfWrk(): Promise<string | undefined> {
  // It says its version and how it is used, and ends with 1.
  const { code, stdout } = await run("wrk", ["-v"]).catch((error) => error);
  return code === "ENOENT" ? undefined : /^wrk (?:debian\/)?(\S+)/.exec(stdout)?.[1] ?? "unknown";
}

/** Debian's `wrk`, with one thread: two would take the server's core. */
export const wrk: Load = {
  name: "wrk",
  async run(url, { file, skip, count }, seconds) {
    const path = join(dirname(file), "wrk.lua");
    await writeFile(path, script);
    const args = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", path, url.href];
    const env = { ...process.env, EVENTS: file, SKIP: String(skip), COUNT: String(count) };
    const { stdout } = await run("wrk", args, { env });
    const said = JSON.parse(/\{.*\}$/s.exec(stdout)?.[0] ?? "null");
    if (said === null) throw new Error(`wrk said something else:\n${stdout}`);
    const accepted = said.requests - said.status;
    return {
      perSecond: accepted / said.seconds,
      accepted,
      failed: said.status + said.broken,
      p50: said.p50,
      p99: said.p99,
    };
  },
};
