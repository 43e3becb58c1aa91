import { execFile } from "node:child_process";
import { statfsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { SoakServer } from "./server.ts";

const run = promisify(execFile);

/** What faults are done to. */
export interface Scene {
  readonly folder: string;
  readonly file: string;
  readonly servers: readonly SoakServer[];
  /** Whether the folder is a disk of its own, which may be filled. */
  readonly ownDisk: boolean;
}

type Fault = (scene: Scene, server: SoakServer) => Promise<void>;

const faults = {
  "SIGKILL": async (_: Scene, server: SoakServer) => {
    server.signal("SIGKILL");
    await server.ready();
  },
  "SIGTERM": async (_: Scene, server: SoakServer) => {
    server.signal("SIGTERM");
    await pause(4_500);
    await server.ready();
  },
  "SIGSTOP past the lease": async (_: Scene, server: SoakServer) => {
    server.signal("SIGSTOP");
    await pause(4_000);
    server.signal("SIGCONT");
  },
  "write lock held": async ({ file }: Scene) => {
    const database = new DatabaseSync(file);
    try {
      database.exec("PRAGMA busy_timeout = 2000; BEGIN IMMEDIATE");
      await pause(500 + 5_500 * Math.random());
      database.exec("ROLLBACK");
    } finally {
      database.close();
    }
  },
  "disk nearly full": async ({ folder }: Scene) => {
    const ballast = join(folder, "ballast");
    const { bavail, bsize } = statfsSync(folder);
    const room = bavail * bsize - 4 * 1_048_576;
    if (room > 0) await run("fallocate", ["--length", `${room}`, ballast]);
    try {
      await pause(3_000);
    } finally {
      await rm(ballast, { force: true });
    }
  },
} satisfies Record<string, Fault>;

/** A fault, by its name. */
export type FaultName = keyof typeof faults;

/** All there are. */
export const faultNames = Object.keys(faults) as readonly FaultName[];

/** Faults one after another, at random. */
export interface Faults {
  /** How often each was done. */
  readonly counts: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/** Begins with these, so many seconds apart on average. */
export function startFaults(
  scene: Scene,
  wanted: readonly FaultName[],
  everySeconds: number,
): Faults {
  const counts: Record<string, number> = {};
  const giveUp = new AbortController();
  const names = wanted.filter((name) => scene.ownDisk || name !== "disk nearly full");
  const running = (async () => {
    for (let turn = 0; !giveUp.signal.aborted; turn++) {
      const wait = 1_000 * everySeconds * (0.5 + Math.random());
      await pause(wait, undefined, { signal: giveUp.signal }).catch(() => {});
      if (giveUp.signal.aborted) return;
      const name = names[turn % names.length] as FaultName;
      const server = scene.servers[Math.floor(Math.random() * scene.servers.length)] as SoakServer;
      // The lock may be another's for longer than that waits.
      await faults[name](scene, server).then(
        () => counts[name] = (counts[name] ?? 0) + 1,
        () => {},
      );
    }
  })();
  return {
    counts,
    async stop() {
      giveUp.abort();
      await running;
    },
  };
}
