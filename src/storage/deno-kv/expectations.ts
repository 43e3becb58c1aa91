import type { Expectation, ExpectationPage, Expectations } from "../expectations.ts";
import { batches } from "./batches.ts";
import { count } from "./counts.ts";
import { expectationIndex } from "./fulfil.ts";
import { getAll } from "./get-all.ts";
import { behind, jobOf, type KeyPart, keyPart, keys } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry } from "./kv.ts";
import type { JobRecord } from "./records.ts";
import { shortened } from "./shortened.ts";
import { untilCommitted } from "./until-committed.ts";

// Two bytes each at the most, and so below what a value may have.
const maxErrorLength = 20_000;
const atOnce = 20;

/** Keeps expectations in Deno KV. What is claimed is a commit for each. */
export function createExpectations(
  kv: DenoKv,
  now: () => number,
  classified: <T>(work: Promise<T>) => Promise<T>,
): Expectations {
  return {
    add: (request) => classified(add(kv, request, now)),
    claim: ({ limit, leaseMs }) => classified(claim(kv, limit, leaseMs, now)),
    postpone: (jobId, next) => classified(postpone(kv, jobId, next, now)),
    async list({ limit, cursor }) {
      // Outside: what is no cursor is no failure of Deno KV.
      const after = cursor === undefined ? undefined : JSON.parse(cursor) as [number, string];
      return await classified(list(kv, limit, after));
    },
  };
}

function add(
  kv: DenoKv,
  { jobId, patternId, withinMs }: Parameters<Expectations["add"]>[0],
  now: () => number,
): ReturnType<Expectations["add"]> {
  return untilCommitted(async () => {
    const part = await keyPart(jobId);
    const [entry, job] = await kv.getMany(
      [keys.expectation(part), keys.job(part)],
    ) as [DenoKvEntry, DenoKvEntry];
    if (((job.value as JobRecord | null)?.ends ?? 0) > 0) return "fulfilled";
    const known = entry.value as Expectation | null;
    const deadlineAt = Math.min(known?.deadlineAt ?? Infinity, Math.ceil(now() + withinMs));
    // Who is asking now is not disturbed, and who has asked keeps to when to ask again.
    const isAsking = known !== null && known.asked > 0 && known.askAt !== null;
    // An event of the job that comes now changes it, and this fails.
    const atomic = kv.atomic().check(job);
    change(atomic, entry, {
      jobId,
      patternId: known?.patternId ?? patternId,
      deadlineAt,
      asked: known?.asked ?? 0,
      askAt: isAsking ? known.askAt : deadlineAt,
      lastError: known?.lastError ?? null,
    });
    if (known === null) count(atomic, { expectations: 1 });
    return (await atomic.commit()).ok ? "waiting" : undefined;
  });
}

async function claim(
  kv: DenoKv,
  limit: number,
  leaseMs: number,
  now: () => number,
): Promise<Expectation[]> {
  const claimed: Expectation[] = [];
  const due = kv.list({ prefix: keys.asks, end: keys.askUntil(now()) });
  for await (const batch of batches(due, Math.min(limit, atOnce))) {
    const results = await Promise.allSettled(
      batch.slice(0, limit - claimed.length).map(({ key }) =>
        untilCommitted(() => take(kv, jobOf(key), Number(key[2]), leaseMs, now))
      ),
    );
    for (const result of results) {
      if (result.status === "fulfilled" && result.value) claimed.push(result.value);
    }
    if (claimed.length === limit) break;
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) continue;
    // What was claimed is the caller's to ask for, whatever became of the rest.
    if (claimed.length > 0) break;
    throw failed.reason;
  }
  return claimed;
}

/** False: another caller was here. Undefined: one came between. */
async function take(
  kv: DenoKv,
  part: KeyPart,
  askAt: number,
  leaseMs: number,
  now: () => number,
): Promise<Expectation | false | undefined> {
  const [entry] = await kv.getMany([keys.expectation(part)]) as [DenoKvEntry];
  const known = entry.value as Expectation | null;
  if (known?.askAt !== askAt) return false;
  const taken: Expectation = {
    ...known,
    asked: known.asked + 1,
    askAt: Math.ceil(now() + leaseMs),
  };
  const atomic = kv.atomic();
  change(atomic, entry, taken);
  return (await atomic.commit()).ok ? taken : undefined;
}

async function postpone(
  kv: DenoKv,
  jobId: string,
  { afterMs, error }: Parameters<Expectations["postpone"]>[1],
  now: () => number,
): Promise<void> {
  const key = keys.expectation(await keyPart(jobId));
  await untilCommitted(async () => {
    const [entry] = await kv.getMany([key]) as [DenoKvEntry];
    if (entry.value === null) return true;
    const atomic = kv.atomic();
    change(atomic, entry, {
      ...entry.value as Expectation,
      askAt: afterMs === null ? null : Math.ceil(now() + afterMs),
      lastError: error === null ? null : shortened(error, maxErrorLength),
    });
    return (await atomic.commit()).ok || undefined;
  });
}

/** Adds to a commit that an expectation, or none, becomes this one. */
function change(atomic: DenoKvAtomic, entry: DenoKvEntry, changed: Expectation): void {
  atomic.check(entry);
  if (entry.value !== null) {
    for (const key of expectationIndex(entry.key, entry.value as Expectation)) atomic.delete(key);
  }
  atomic.set(entry.key, changed);
  for (const key of expectationIndex(entry.key, changed)) atomic.set(key, changed.jobId);
}

async function list(
  kv: DenoKv,
  limit: number,
  after: readonly [deadlineAt: number, jobId: string] | undefined,
): Promise<ExpectationPage> {
  const prefix = keys.deadlines;
  const selector = after
    ? { prefix, start: behind(keys.deadline(after[0], await keyPart(after[1]))) }
    : { prefix };
  const entries: DenoKvEntry[] = [];
  for await (const entry of kv.list(selector, { limit: limit + 1 })) entries.push(entry);
  const page = entries.slice(0, limit);
  const all = await getAll(kv, page.map(({ key }) => keys.expectation(jobOf(key))));
  const last = entries.length > limit ? page.at(-1) : undefined;
  return {
    // Those that were fulfilled between the two reads are left out.
    expectations: all.map(({ value }) => value as Expectation | null)
      .filter((each) => each !== null),
    nextCursor: last ? JSON.stringify([last.key[2], last.value]) : null,
  };
}
