import { accessSync, constants, existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { describeError } from "../../describe-error.ts";
import { openStorage } from "../../entry/open-storage.ts";
import { silentLogger } from "../../logger.ts";
import { type Storage, StorageError, type StorageErrorCode } from "../../storage/storage.ts";
import { parseStorageUrl } from "../../storage/url.ts";
import { openExisting } from "../storage.ts";
import { type Check, type Finding, skipped } from "./check.ts";
import { attempt, inTime } from "./situation.ts";

const advices: Readonly<Record<StorageErrorCode, string>> = {
  busy: "End what holds its lock: a shell with an open transaction, or a backup.",
  full: "Free some space where it is.",
  readonly: "Let the server's user write it and, of SQLite, its folder.",
  corrupt: "Restore it from a backup.",
  schema: "Name another place in STORAGE_URL, or update imggo-webhooks.",
  denied: "Check the user, the password, and what the user may do.",
  unavailable: "Check STORAGE_URL, and that what it names is there and runs.",
};

/** Whether the storage opens, answers and takes a write. */
export const storageCheck: Check = {
  name: "storage",
  async run({ storageSettings, storage, stats, storageError }) {
    if (storageSettings === undefined) return skipped("The settings are wrong.");
    const path = pathOf(storageSettings.storage);
    if (path !== undefined && !existsSync(path)) return beforeFirstStart(path);
    if (storageSettings.storage === "memory:") {
      return {
        status: "warning",
        message: "The storage is the server's memory: every event is lost when it ends.",
        advice: "Set STORAGE_URL to a place that lasts, such as sqlite:./imggo-webhooks.db.",
      };
    }
    if (storage === undefined || stats === undefined) return failure(storageError);
    // A write that finds nothing to change takes all that another one takes, and leaves nothing.
    const [, error] = await attempt(() => inTime(storage.rejections.remove("rej_of_no_request")));
    if (error !== undefined) return failure(error);
    return { status: "ok", message: "The storage opens, answers and takes writes." };
  },
};

/** Whether there is room for what comes. */
export const diskCheck: Check = {
  name: "disk",
  async run({ storageSettings }) {
    const path = pathOf(storageSettings?.storage);
    if (path === undefined) return skipped("Only of SQLite the disk is this machine's.");
    const [disk, error] = await attempt(() => statfs(dirname(path)));
    if (disk === undefined) return skipped(`It cannot be told: ${describeError(error)}`);
    return diskFinding(disk.bavail * disk.bsize);
  },
};

const gibibyte = 1_073_741_824;

/** What is to be said of so many free bytes. */
export function diskFinding(free: number): Finding {
  const text = `${(free / gibibyte).toFixed(1)} GiB are free on the disk of the storage.`;
  if (free >= gibibyte) return { status: "ok", message: text };
  return {
    status: "warning",
    message: text,
    advice: "Free some space: when the disk is full, ImgGo gets 503, and may not send again.",
  };
}

/** Whether this runtime's SQLite is one of those with a fault in its WAL. */
export const sqliteCheck: Check = {
  name: "sqlite",
  async run({ storageSettings }) {
    const places = [storageSettings?.storage, storageSettings?.spool];
    if (places.every((place) => pathOf(place) === undefined)) return skipped("It is not used.");
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const database = await openStorage("sqlite::memory:", { logger, concurrency: 1 });
    await database.ping();
    await database.close();
    const [warning] = warnings;
    const version = `SQLite ${process.versions["sqlite"] ?? ""}`.trim();
    if (warning === undefined) return { status: "ok", message: `${version} has no known fault.` };
    return {
      status: "warning",
      message: `${version}: ${warning}.`,
      advice: "Update the runtime: Node.js, Deno or Bun bring their own SQLite.",
    };
  },
};

/** Whether the spool can take events, and how many wait in it. */
export const spoolCheck: Check = {
  name: "spool",
  async run({ storageSettings }) {
    const spool = storageSettings?.spool;
    if (spool === undefined) return skipped("SPOOL_URL is not set.");
    const path = pathOf(spool);
    if (path !== undefined && !existsSync(path)) return beforeFirstStart(path);
    const [opened, error] = await attempt(() => inTime(openExisting(spool)));
    if (opened === undefined) return failure(error);
    const [stats, failed] = await attempt(() => inTime(opened.stats()));
    if (path !== undefined) await opened.close();
    if (stats === undefined) return failure(failed);
    const { pending, running, dead } = stats.deliveries;
    const waiting = pending + running + dead;
    if (waiting === 0) return { status: "ok", message: "No event waits in the spool." };
    return {
      status: "warning",
      message: `${waiting} ${waiting === 1 ? "event waits" : "events wait"} in the spool.`,
      advice: "A running server moves them once the storage takes them: see its log for why not.",
    };
  },
};

/** The path of a SQLite file that lasts. */
function pathOf(place: string | Storage | undefined): string | undefined {
  const location = typeof place === "string" ? parseStorageUrl(place) : undefined;
  return location?.kind === "sqlite" && location.path !== ":memory:" ? location.path : undefined;
}

function beforeFirstStart(path: string): Finding {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    const missing = (error as { code?: string }).code === "ENOENT";
    return {
      status: "failed",
      message: missing
        ? `There is no folder ${dirname(path)} for the SQLite file.`
        : `The SQLite file cannot be made in ${dirname(path)}: nobody but others may write there.`,
      advice: "Make the folder, and let the server's user write there.",
    };
  }
  return {
    status: "warning",
    message: `There is no SQLite file ${path} yet.`,
    advice: "A server makes it when it starts. If one has run: is this its working folder?",
  };
}

function failure(error: unknown): Finding {
  const message = error instanceof Error ? error.message : describeError(error);
  const code = error instanceof StorageError ? error.code : "unavailable";
  return { status: "failed", message, advice: advices[code] };
}
