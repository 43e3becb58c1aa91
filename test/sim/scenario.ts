import type { Role } from "../../src/role.ts";
import type { Outage, StorageFaults } from "./faults.ts";
import { createRandom, type Random } from "./random.ts";

/** How a job ends. */
export interface SimulatedJob {
  readonly id: string;
  /** What the end of it is, as ImgGo's API knows it. */
  readonly end: "succeeded" | "failed";
  readonly endsAtMs: number;
  /** When the receiver is told to expect it. Undefined: it is not. */
  readonly expectedAtMs: number | undefined;
  readonly deadlineMs: number;
}

/** A webhook that is sent. */
export interface Post {
  readonly atMs: number;
  readonly jobId: string;
  readonly kind: "job.succeeded" | "job.failed" | "ignored" | "not JSON" | "no event" | "forged";
  /** The same event of the same job in other bytes. */
  readonly variant: number;
  /** So many at once. */
  readonly copies: number;
  /** How often it is sent until it is answered. */
  readonly tries: number;
  /** Over how many milliseconds its body comes. */
  readonly bodyMs: number;
}

/** Something that befalls a machine or the database, or that an operator does. */
export type Happening =
  | { readonly atMs: number; readonly kind: "kill" | "terminate"; readonly machine: number }
  | {
    readonly atMs: number;
    readonly kind: "stop";
    readonly machine: number;
    readonly forMs: number;
  }
  | {
    readonly atMs: number;
    readonly kind: "clock";
    /** Undefined: the database. */
    readonly machine: number | undefined;
    readonly offsetMs: number;
  }
  | {
    readonly atMs: number;
    readonly kind: "prune" | "redrive" | "redeliver";
    readonly machine: undefined;
  };

/** Everything that a seed chooses beforehand. */
export interface Scenario {
  readonly seed: number;
  /** What survives the processes. */
  readonly storage: "memory" | "sqlite";
  /** One for each machine: what it does. */
  readonly roles: readonly Role[];
  readonly hasSpool: boolean;
  /** When faults stop. */
  readonly calmAtMs: number;
  readonly processors: readonly string[];
  readonly worker: {
    readonly concurrency: number;
    readonly maxAttempts: number;
    readonly timeoutMs: number;
    readonly leaseMs: number;
    readonly pollMs: number;
    readonly backoff: { readonly firstMs: number; readonly maxMs: number };
  };
  readonly faults: StorageFaults;
  readonly spoolFaults: StorageFaults;
  readonly outages: readonly Outage[];
  readonly happenings: readonly Happening[];
  readonly jobs: readonly SimulatedJob[];
  readonly posts: readonly Post[];
  /** How often an answer does not reach the sender. */
  readonly lostAnswers: number;
  /** How often an attempt goes wrong, and how often ImgGo's API does. */
  readonly badAttempts: number;
  /** How long a good attempt may take. */
  readonly workMs: number;
  readonly badApi: number;
}

const hour = 3_600_000;

/** The scenario of a seed. Each kind of fault is there in some and not in others. */
export function scenarioOf(seed: number): Scenario {
  const random = createRandom(seed, "scenario");
  const storage = seed % 20 === 0 ? "sqlite" : "memory";
  const { whole, between, chance, pick } = random;
  const calmAtMs = between(15_000, 60_000);
  const machines = whole(1, 3);
  const time = () => between(0, calmAtMs);
  const some = <T>(most: number, make: () => T): T[] =>
    Array.from({ length: whole(0, most) }, make);
  const leaseMs = pick([2_000, 5_000, 15_000]);
  const hasSpool = chance(0.4);

  const happenings: Happening[] = [
    ...some(3, (): Happening => ({ atMs: time(), kind: "kill", machine: whole(0, machines - 1) })),
    ...some(chance(0.5) ? 2 : 0, (): Happening => ({
      atMs: time(),
      kind: "terminate",
      machine: whole(0, machines - 1),
    })),
    ...some(chance(0.6) ? 6 : 0, (): Happening => ({
      atMs: time(),
      kind: "stop",
      machine: whole(0, machines - 1),
      forMs: between(100, 3 * leaseMs),
    })),
    ...some(chance(0.2) ? 3 : 0, (): Happening => ({
      atMs: time(),
      kind: "clock",
      machine: chance(0.5) ? undefined : whole(0, machines - 1),
      offsetMs: pick([-hour, hour, 0, -5_000, 5_000]),
    })),
    // What an operator did is told from what came between only where it takes no time.
    ...some(storage === "memory" && chance(0.3) ? 3 : 0, (): Happening => ({
      atMs: time(),
      kind: pick(["prune", "redrive", "redeliver"]),
      machine: undefined,
    })),
  ];

  const { jobs, posts } = work(random, calmAtMs);
  return {
    seed,
    storage,
    roles: machines > 1 && chance(0.2)
      ? (["receiver", "worker", "all"] as const).slice(0, machines)
      : Array.from({ length: machines }, () => "all" as const),
    hasSpool,
    calmAtMs,
    processors: chance(0.5) ? ["a"] : ["a", "b"],
    worker: {
      concurrency: pick([1, 3, 10]),
      maxAttempts: whole(2, 4),
      timeoutMs: pick([1_000, 3_000, 20_000]),
      leaseMs,
      pollMs: pick([1_000, 2_000, 5_000]),
      backoff: { firstMs: pick([100, 2_000]), maxMs: 10_000 },
    },
    faults: faultsOf(random),
    spoolFaults: { ...faultsOf(random), silent: 0, lostAnswer: 0 },
    outages: some(chance(0.6) ? 2 : 0, (): Outage => {
      const fromMs = time();
      return {
        fromMs,
        toMs: fromMs + between(500, 15_000),
        kind: pick(["refuses", "hangs", "full"]),
        machine: chance(0.5) ? undefined : whole(0, machines - 1),
      };
    }),
    happenings,
    jobs,
    posts,
    lostAnswers: pick([0, 0.1, 0.4]),
    badAttempts: pick([0, 0.2, 0.5]),
    workMs: pick([300, 3_000, 1.5 * leaseMs]),
    badApi: pick([0, 0.3, 0.7]),
  };
}

function faultsOf({ chance, between }: Random): StorageFaults {
  const rate = () => chance(0.3) ? between(0.005, 0.08) : 0;
  return {
    slow: rate(),
    silent: rate(),
    busy: rate(),
    full: rate(),
    lostAnswer: rate(),
    throws: rate(),
    killBefore: rate() / 4,
    killAfter: rate() / 4,
    stopAfter: rate() / 4,
  };
}

function work(random: Random, calmAtMs: number): Pick<Scenario, "jobs" | "posts"> {
  const { whole, between, chance, pick } = random;
  const jobs: SimulatedJob[] = [];
  const posts: Post[] = [];
  const post = (jobId: string, kind: Post["kind"], fromMs: number) => {
    posts.push({
      atMs: between(fromMs, calmAtMs),
      jobId,
      kind,
      variant: chance(0.7) ? 0 : whole(1, 2),
      copies: chance(0.8) ? 1 : whole(2, 5),
      tries: whole(1, 4),
      bodyMs: chance(0.95) ? 0 : between(10, 5_000),
    });
  };
  const count = whole(3, 9);
  for (let index = 0; index < count; index++) {
    const id = `job-${index}`;
    const endsAtMs = between(0, calmAtMs);
    const end = pick(["succeeded", "succeeded", "failed"] as const);
    const isSent = chance(0.8);
    jobs.push({
      id,
      end,
      endsAtMs,
      expectedAtMs: !isSent || chance(0.35) ? between(0, calmAtMs) : undefined,
      deadlineMs: between(0, 20_000),
    });
    if (!isSent) continue;
    post(id, `job.${end}`, endsAtMs);
    if (chance(0.3)) post(id, `job.${end}`, endsAtMs);
    if (end === "succeeded" && chance(0.3)) post(id, "job.failed", 0);
  }
  for (const kind of ["ignored", "not JSON", "no event", "forged"] as const) {
    if (chance(0.25)) post(`other-${posts.length}`, kind, 0);
  }
  return { jobs, posts };
}
