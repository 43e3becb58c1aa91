import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { root } from "./process.ts";

const run = promisify(execFile);

/** The part of the package's manifest that is read here. */
export interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** The package as its users have it. */
export interface InstalledPackage {
  /** Where it is installed, and nothing else is. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** What the tarball holds: the bytes of each file. */
  readonly files: ReadonlyMap<string, number>;
  remove(): Promise<void>;
}

/**
 * Builds and packs the package, and has npm install the tarball in an empty folder. No registry is
 * asked: what it depends on is linked to what the checkout has, and anything else fails.
 */
export async function installPackage(): Promise<InstalledPackage> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const npm = async (cwd: string, ...args: string[]) => (await run("npm", args, { cwd })).stdout;

  const args = ["pack", "--json", "--silent", "--foreground-scripts=false"];
  const printed = await npm(root, ...args, "--pack-destination", folder);
  const [{ filename, files }] = JSON.parse(printed);
  const manifest: Manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const linked = Object.keys(manifest.dependencies)
    .map((name) => [name, `file:${join(root, "node_modules", name)}`]);
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { "imggo-webhooks": `file:./${filename}`, ...Object.fromEntries(linked) },
    }),
  );
  const offline = ["--offline", "--cache", join(folder, ".npm"), "--no-audit", "--no-fund"];
  await npm(folder, "install", "--silent", "--ignore-scripts", ...offline);
  await cp(join(root, "test/package/use.ts"), join(folder, "use.ts"));
  return {
    folder,
    manifest,
    files: new Map(
      files.map(({ path, size }: { path: string; size: number }) => [path, size] as const),
    ),
    remove: () => rm(folder, { recursive: true }),
  };
}

/** The environment's path, with the runtimes of the checkout first. */
export const pathOfRuntimes: string = `${root}node_modules/.bin:${process.env["PATH"]}`;
