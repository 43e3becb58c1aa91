import { open } from "../../src/storage/spool/seal.ts";
import type { Storage, StoredEvent } from "../../src/storage/storage.ts";
import type { Meaning, Truth } from "./truth.ts";
import type { World } from "./world.ts";

/** Looks into the storages, behind all faults, and judges what is there. */
export interface Auditor {
  /** An answer said that these bytes are stored. */
  acknowledged(body: Uint8Array<ArrayBuffer>, meaning: Meaning, id: string): Promise<void>;
  /** A job is awaited. */
  awaited(jobId: string): void;
  /** An operator changes this event: of what it was nothing has to stay. */
  changed(event: StoredEvent): void;
  /** An operator removed this event: its key is remembered. */
  pruned(event: StoredEvent): void;
  /** Looks at everything; at the bytes of what it knows only where it is to be thorough. */
  audit(isThorough?: boolean): Promise<void>;
  /** What is left to be done, as of the last audit. */
  left(): readonly string[];
}

/** What was found of one event when it was seen first. */
interface Seen {
  readonly body: Uint8Array;
  /** By what it means. */
  readonly key: string;
}

export function createAuditor(
  { primary, spools, truth, world }: {
    readonly primary: Storage;
    readonly spools: readonly Storage[];
    readonly truth: Truth;
    readonly world: World;
  },
): Auditor {
  const acknowledged = new Map<string, string>();
  const awaited = new Set<string>();
  let before = new Map<string, StoredEvent>();
  const seen = new Map<string, Seen>();
  /** What was stored and is pruned, by key, and by job. */
  const prunedKeys = new Set<string>();
  const prunedJobs = new Set<string | null>();
  let left: string[] = ["nothing was looked at yet"];

  const audit = async (isThorough = false) => {
    left = [];
    const stored = new Set<string>();
    const jobs = new Map<string, StoredEvent[]>();
    const { events } = await primary.list({ limit: 1_000 });
    const now = new Map(events.map((event) => [event.id, event]));
    for (const id of before.keys()) if (!now.has(id)) world.broken(`nothing is deleted: ${id}`);
    for (const event of events) {
      const { key } = await see(primary, event, isThorough);
      if (prunedKeys.has(key)) world.broken(`the key of what was pruned is remembered: ${key}`);
      if (stored.has(key)) world.broken(`one event per key: two of ${key}, one is ${event.id}`);
      stored.add(key);
      if (event.jobId !== null) {
        jobs.set(event.jobId, [...jobs.get(event.jobId) ?? [], event]);
      }
      judgeChange(before.get(event.id), event);
      for (const { processor, state } of event.deliveries) {
        if (state === "pending" || state === "running") {
          left.push(`delivery ${event.id} ${processor} is ${state}`);
        }
      }
    }
    before = now;
    for (const [jobId, ofJob] of jobs) judgeJob(jobId, ofJob);
    for (const key of prunedKeys) stored.add(key);
    for (const spool of spools) await look(spool, stored, isThorough);
    for (const [key, id] of acknowledged) {
      if (!stored.has(key)) world.broken(`what is acknowledged is stored: ${key} (${id}) is not`);
    }
    const { expectations } = await primary.expectations.list({ limit: 1_000 });
    for (const { jobId, askAt } of expectations) {
      left.push(`expectation of ${jobId}, to be asked ${askAt === null ? "never" : "later"}`);
      if ((jobs.get(jobId) ?? []).some(({ state }) => state === "accepted")) {
        world.broken(`no expectation stays of a job whose end is stored: ${jobId}`);
      }
    }
    const isAwaited = (jobId: string) => expectations.some((each) => each.jobId === jobId);
    for (const jobId of awaited) {
      if (!jobs.has(jobId) && !isAwaited(jobId) && !prunedJobs.has(jobId)) {
        world.broken(`what is awaited stays so until it is there: ${jobId}`);
      }
    }
  };

  const see = async (storage: Storage, event: StoredEvent, isThorough: boolean): Promise<Seen> => {
    const isSpooled = storage !== primary;
    const place = isSpooled ? `spooled ${event.id}` : event.id;
    const known = seen.get(place);
    if (known !== undefined && !isThorough) return known;
    const body = await storage.body(event.id) ?? new Uint8Array(0);
    if (known !== undefined) {
      if (!isSame(known.body, body)) world.broken(`bodies stay as they are: ${place}`);
      return known;
    }
    const meaning = truth.meaningOf(body, event.origin);
    const means = isSpooled ? open(event, body)?.event : event;
    const state = means?.state === "superseded" ? "accepted" : means?.state;
    if (
      meaning?.state !== state || meaning?.event !== means?.event || meaning?.jobId !== means?.jobId
    ) {
      world.broken(`what is stored was sent, byte for byte: ${place}`);
    }
    const found = { body, key: keyOf(meaning, body) };
    seen.set(place, found);
    return found;
  };

  const judgeChange = (was: StoredEvent | undefined, is: StoredEvent) => {
    if (was === undefined) return;
    if (was.state !== is.state && !(was.state === "accepted" && is.state === "superseded")) {
      world.broken(`${is.id} was ${was.state} and is ${is.state}`);
    }
    if (was.state !== is.state) world.hit("event superseded");
    for (const delivery of was.deliveries) {
      const { processor, state } = delivery;
      const after = is.deliveries.find((each) => each.processor === processor)?.state;
      const isFinal = state === "succeeded" || state === "dead" && is.state === "accepted";
      if (isFinal && after !== state) {
        world.broken(`a final state stays: ${is.id} ${processor} was ${state} and is ${after}`);
      }
      if (was.state === "superseded" && state !== "running" && after === "running") {
        world.broken(`what is superseded is not run: ${is.id} ${processor}`);
      }
    }
  };

  const judgeJob = (jobId: string, ofJob: readonly StoredEvent[]) => {
    const has = (event: string, state: string) =>
      ofJob.some((each) => each.event === event && each.state === state);
    if (has("job.succeeded", "accepted") && has("job.failed", "accepted")) {
      world.broken(`a success has the last word: ${jobId}`);
    }
    for (const { id, state, deliveries } of ofJob) {
      if (state !== "superseded") continue;
      if (!has("job.succeeded", "accepted") && !prunedJobs.has(jobId)) {
        world.broken(`superseded by nothing: ${id}`);
      }
      const other = deliveries.find((each) => !["running", "succeeded"].includes(each.state));
      if (other) world.broken(`what is superseded is withdrawn: ${id} ${other.processor}`);
    }
  };

  const look = async (spool: Storage, stored: Set<string>, isThorough: boolean) => {
    const { events } = await spool.list({ limit: 1_000 });
    for (const event of events) {
      const { key } = await see(spool, event, isThorough);
      if (event.deliveries.every(({ state }) => state === "succeeded")) {
        if (!stored.has(key)) world.broken(`what was moved is stored: ${key}`);
        continue;
      }
      stored.add(key);
      left.push(`${event.id} is in a spool`);
    }
  };

  return {
    async acknowledged(body, meaning, id) {
      acknowledged.set(keyOf(meaning, body), id);
      await audit();
    },
    awaited: (jobId) => void awaited.add(jobId),
    changed: ({ id }) => void before.delete(id),
    pruned(event) {
      before.delete(event.id);
      prunedJobs.add(event.jobId);
      prunedKeys.add(seen.get(event.id)?.key ?? "");
    },
    audit,
    left: () => left,
  };
}

/** What makes two requests the same event. */
function keyOf(meaning: Meaning | undefined, body: Uint8Array): string {
  return meaning?.state === "accepted"
    ? `${meaning.event}:${meaning.jobId}`
    : new TextDecoder().decode(body);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
