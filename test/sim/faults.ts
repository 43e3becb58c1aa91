import { StorageError } from "../../src/storage/storage.ts";
import type { World } from "./world.ts";

/** How often a storage fails in which way, each from 0 to 1. */
export interface StorageFaults {
  /** The answer comes seconds after the deadline. */
  readonly slow: number;
  /** Neither is answered nor known to be done. */
  readonly silent: number;
  /** Another one has the lock. */
  readonly busy: number;
  readonly full: number;
  /** It is done, and the connection breaks before the answer. */
  readonly lostAnswer: number;
  /** Throws instead of rejecting. */
  readonly throws: number;
  /** The process is killed just before the commit, or just after it. */
  readonly killBefore: number;
  readonly killAfter: number;
  /** The process is stopped just after the commit, for longer than leases last. */
  readonly stopAfter: number;
}

/** A time in which a storage is away. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
  /** `hangs`: connections are open and say nothing. `full`: it can only be read. */
  readonly kind: "refuses" | "hangs" | "full";
  /** For which machine; undefined: for all. */
  readonly machine: number | undefined;
}

/** What is to become of one call. */
export interface Fate {
  /** Undefined: it is not done. */
  readonly commitAfterMs: number | undefined;
  /** Undefined: there is no answer. */
  readonly answerAfterMs: number | undefined;
  /** What is answered instead of the result. */
  readonly error: Error | undefined;
  readonly throws: boolean;
  readonly kill: "before" | "after" | undefined;
  /** For how long the process is stopped after the commit. */
  readonly stopForMs: number | undefined;
}

const reads = /^(?:get|attempts|body|list|countDead|deadGroups|stats|ping|\w+\.(?:list|body))$/;

/** Decides what becomes of a call of this name. */
export function decideFate(
  call: string,
  { world, faults, outages, machine }: {
    readonly world: World;
    readonly faults: StorageFaults;
    readonly outages: readonly Outage[];
    readonly machine: number;
  },
): Fate {
  const { random, schedule } = world;
  const fate: Fate = {
    commitAfterMs: random.between(0.1, 4),
    answerAfterMs: random.between(0.1, 4),
    error: undefined,
    throws: false,
    kill: undefined,
    stopForMs: undefined,
  };
  if (world.calm()) return fate;
  const hit = (what: string, change: Partial<Fate>): Fate => {
    world.hit(`storage ${what}`);
    return { ...fate, ...change };
  };
  const failed = (code: StorageError["code"]) => new StorageError(code, `Simulated: ${code}.`);
  const now = schedule.now();
  const away = outages.find((each) =>
    each.fromMs <= now && now < each.toMs && [undefined, machine].includes(each.machine)
  );
  const isRead = reads.test(call);
  if (away?.kind === "refuses") {
    return hit("away", { commitAfterMs: undefined, error: failed("unavailable") });
  }
  if (away?.kind === "hangs") {
    return hit("hanging", { commitAfterMs: undefined, answerAfterMs: undefined });
  }
  if (away?.kind === "full" && !isRead) {
    return hit("full", { commitAfterMs: undefined, error: failed("full") });
  }
  const luck = random.next();
  let sum = 0;
  const falls = (share: number) => luck < (sum += share);
  if (falls(faults.slow)) {
    const [commitAfterMs, answerAfterMs] = random.chance(0.5)
      ? [random.between(1_000, 12_000), fate.answerAfterMs]
      : [fate.commitAfterMs, random.between(1_000, 12_000)];
    return hit("slow", { commitAfterMs, answerAfterMs });
  }
  if (falls(faults.silent)) {
    const commitAfterMs = random.chance(0.5) ? fate.commitAfterMs : undefined;
    return hit("silent", { commitAfterMs, answerAfterMs: undefined });
  }
  if (falls(faults.busy)) {
    const answerAfterMs = random.between(1, 3_000);
    return hit("busy", { commitAfterMs: undefined, answerAfterMs, error: failed("busy") });
  }
  if (falls(faults.full) && !isRead) {
    return hit("full", { commitAfterMs: undefined, error: failed("full") });
  }
  if (falls(faults.lostAnswer)) return hit("answer lost", { error: failed("unavailable") });
  if (falls(faults.throws)) return hit("throwing", { throws: true, error: failed("unavailable") });
  if (falls(faults.killBefore)) return hit("killed before commit", { kill: "before" });
  if (falls(faults.killAfter)) return hit("killed after commit", { kill: "after" });
  if (falls(faults.stopAfter)) {
    return hit("stopped after commit", { stopForMs: random.between(1_000, 20_000) });
  }
  return fate;
}
