import { readFileSync } from "node:fs";

/** The memory that a process has, in MB; undefined where the system does not say. */
export interface ProcessMemory {
  /** Now. */
  readonly resident: number;
  /** The most it ever had. */
  readonly peak: number;
}

/** Reads it from Linux's `/proc`. */
export function memoryOf(pid: number): ProcessMemory | undefined {
  const status = read(`/proc/${pid}/status`);
  const megabytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status ?? "")?.[1]) * 1024 / 1e6;
  return status === undefined
    ? undefined
    : { resident: megabytes("VmRSS"), peak: megabytes("VmHWM") };
}

// Linux says the times of processes in these.
const ticksPerSecond = 100;

/** How long a process has run on all cores, in seconds; undefined where the system does not say. */
export function cpuSeconds(pid: number | undefined): number | undefined {
  const stat = pid === undefined ? undefined : read(`/proc/${pid}/stat`);
  // Its name, the second field, may hold spaces.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
