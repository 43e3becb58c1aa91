import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A small disk of a test's own. */
export interface Tmpfs {
  readonly folder: string;
  /** Lets it be read only, or be written again. */
  remount(mode: "ro" | "rw"): void;
  unmount(): void;
}

const run = (command: string, ...args: string[]) => {
  execFileSync(command, args, { stdio: "ignore" });
};

/** Mounts one. Undefined where this user may not: that takes Linux, and its administrator. */
export function mountTmpfs(bytes: number): Tmpfs | undefined {
  const folder = mkdtempSync(join(tmpdir(), "imggo-webhooks-tmpfs-"));
  try {
    run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
  } catch {
    rmdirSync(folder);
    return undefined;
  }
  return {
    folder,
    remount: (mode) => run("mount", "-o", `remount,${mode}`, folder),
    unmount() {
      run("umount", folder);
      rmdirSync(folder);
    },
  };
}
