import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AttemptResult, AttemptRun } from "../../src/attempt.ts";
import { createLookahead, type Lookahead } from "../../src/lookahead.ts";
import { createPool, type Held, type PoolOptions } from "../../src/pool.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const patienceMs = 300;

/** A pool of two places, whose attempts end when they are told to. */
function setUp(more: Partial<PoolOptions> = {}) {
  const runs: { id: string; run: AttemptRun; end: (result?: AttemptResult) => Promise<void> }[] =
    [];
  const free = vi.fn();
  const ended: AttemptResult[] = [];
  const pool = createPool({
    concurrency: 2,
    patienceMs,
    onFree: free,
    onEnd: (result) => ended.push(result),
    attempt: ({ claim }, run) =>
      new Promise((resolve) => {
        const end = async (result: AttemptResult = "succeeded") => {
          resolve(result);
          await vi.advanceTimersByTimeAsync(0);
        };
        runs.push({ id: claim.eventId, run, end });
      }),
    ...more,
  });
  const held = (id: string, attempt = 1) =>
    ({ claim: { eventId: id, attempt }, claimedAt: performance.now() }) as Held;
  const begun = () => runs.map(({ id, run }) => run.stop.aborted ? `${id} aborted` : id);
  return { pool, runs, free, ended, held, begun };
}

/** What claims `size` more than can run, and notes what it is told. */
function fixedLookahead(size: number) {
  return { size: () => size, learn: vi.fn(), reset: vi.fn() } satisfies Lookahead;
}

test("a pool has room for what can run, less what runs, waits or is reserved", async () => {
  const { pool, runs, held } = setUp();
  expect([pool.room(), pool.hungers(), pool.isEmpty()]).toEqual([2, true, true]);
  const giveBack = pool.reserve(1);
  expect([pool.room(), pool.hungers()]).toEqual([1, true]);
  pool.run([held("a")]);
  expect([pool.room(), pool.hungers(), pool.isEmpty()]).toEqual([0, false, false]);
  giveBack();
  giveBack();
  expect(pool.room()).toBe(1);
  pool.run([held("b"), held("c")]);
  expect([pool.room(), pool.hungers()]).toEqual([0, false]);
  await runs[0]?.end();
  expect([pool.room(), pool.hungers()]).toEqual([0, false]);
  await runs[1]?.end();
  expect([pool.room(), pool.hungers()]).toEqual([1, true]);
});

test("a pool has room for as many more as its lookahead says", () => {
  const { pool, held, begun } = setUp({ lookahead: fixedLookahead(3) });
  expect(pool.room()).toBe(5);
  pool.run([held("a"), held("b"), held("c")]);
  expect(begun()).toEqual(["a", "b"]);
  expect(pool.room()).toBe(2);
});

test("a pool that records more than it runs takes no more than twice of it", async () => {
  const { pool, runs, held } = setUp();
  for (const id of ["a", "b", "c", "d"]) pool.run([held(id)]);
  runs[0]?.run.onProcessed?.();
  runs[1]?.run.onProcessed?.();
  expect(pool.room()).toBe(0);
  runs[2]?.run.onProcessed?.();
  // Two places are free but for one, and four are under way.
  expect(pool.room()).toBe(0);
  await runs[0]?.end();
  expect(pool.room()).toBe(1);
});

test("a pool gives a place to the next one once a processor has ended, and only once", async () => {
  const lookahead = fixedLookahead(0);
  const { pool, runs, free, ended, held, begun } = setUp({ lookahead });
  pool.run([held("a"), held("b"), held("c"), held("d")]);
  await vi.advanceTimersByTimeAsync(40);
  runs[0]?.run.onProcessed?.();
  expect(begun()).toEqual(["a", "b", "c"]);
  expect(free).not.toHaveBeenCalled();
  await runs[0]?.end();
  expect(begun()).toEqual(["a", "b", "c"]);
  expect(lookahead.learn.mock.calls).toEqual([[40]]);
  await runs[1]?.end("retry");
  expect(begun()).toEqual(["a", "b", "c", "d"]);
  expect(free).toHaveBeenCalledOnce();
  expect(ended).toEqual(["succeeded", "retry"]);
});

test("a pool gives back what waited too long, begins anew to look ahead, and goes on watching", async () => {
  const lookahead = fixedLookahead(5);
  const { pool, held, begun } = setUp({ lookahead });
  pool.run([held("a"), held("b"), held("c")]);
  await vi.advanceTimersByTimeAsync(patienceMs / 2);
  pool.run([held("d")]);
  await vi.advanceTimersByTimeAsync(patienceMs / 2 - 1);
  expect(begun()).toEqual(["a", "b"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun()).toEqual(["a", "b", "c aborted"]);
  expect(lookahead.reset).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(patienceMs);
  expect(begun()).toEqual(["a", "b", "c aborted", "d aborted"]);
  expect(lookahead.reset).toHaveBeenCalledTimes(2);
  expect(lookahead.learn).not.toHaveBeenCalled();
});

test("a pool does not begin anew to look ahead where nothing waited too long", async () => {
  const lookahead = fixedLookahead(5);
  const { pool, runs, held } = setUp({ lookahead });
  pool.run([held("a"), held("b"), held("c")]);
  await vi.advanceTimersByTimeAsync(patienceMs - 1);
  await runs[0]?.end();
  pool.run([held("d")]);
  await vi.advanceTimersByTimeAsync(1);
  expect(lookahead.reset).not.toHaveBeenCalled();
});

test("a pool begins anew to look ahead where something was tried before", () => {
  const lookahead = fixedLookahead(5);
  const { pool, held } = setUp({ lookahead });
  pool.run([held("a", 1)]);
  expect(lookahead.reset).not.toHaveBeenCalled();
  pool.run([held("b", 2)]);
  expect(lookahead.reset).toHaveBeenCalledOnce();
});

test("a pool that is stopped gives back what waits and what comes, and leaves no timer", async () => {
  const { pool, runs, held, begun } = setUp();
  pool.run([held("a"), held("b"), held("c")]);
  expect(vi.getTimerCount()).toBe(1);
  pool.stop();
  expect(begun()).toEqual(["a", "b", "c aborted"]);
  expect(vi.getTimerCount()).toBe(0);
  pool.run([held("d")]);
  expect(begun()).toEqual(["a", "b", "c aborted", "d aborted"]);
  const idle = vi.fn();
  void pool.idle().then(idle);
  for (const { end } of runs.slice(1)) await end("released");
  expect(idle).not.toHaveBeenCalled();
  await runs[0]?.end();
  expect(idle).toHaveBeenCalledOnce();
});

test("a pool in which as many wait as run is neither empty nor idle", async () => {
  const { pool, runs, held } = setUp({ concurrency: 1 });
  pool.run([held("a"), held("b")]);
  expect(pool.isEmpty()).toBe(false);
  const idle = vi.fn();
  void pool.idle().then(idle);
  await vi.advanceTimersByTimeAsync(0);
  expect(idle).not.toHaveBeenCalled();
  await runs[0]?.end();
  await runs[1]?.end();
  expect(pool.isEmpty()).toBe(true);
  expect(idle).toHaveBeenCalledOnce();
});

test("a pool is idle only when what is reserved is given back", async () => {
  const { pool } = setUp();
  const giveBack = pool.reserve(1);
  const idle = vi.fn();
  void pool.idle().then(idle);
  await vi.advanceTimersByTimeAsync(0);
  expect(idle).not.toHaveBeenCalled();
  giveBack();
  await vi.advanceTimersByTimeAsync(0);
  expect(idle).toHaveBeenCalledOnce();
});

test("createLookahead() claims ahead what runs within 25 ms, once it has seen 20 attempts", () => {
  const lookahead = createLookahead();
  for (let seen = 0; seen < 19; seen++) lookahead.learn(5);
  expect(lookahead.size()).toBe(0);
  lookahead.learn(5);
  expect(lookahead.size()).toBe(5);
  // A slow one counts at once, quick ones by and by.
  lookahead.learn(100);
  expect(lookahead.size()).toBe(0);
  for (let seen = 0; seen < 10; seen++) lookahead.learn(5);
  expect(lookahead.size()).toBe(0);
  for (let seen = 0; seen < 30; seen++) lookahead.learn(5);
  expect(lookahead.size()).toBe(1);
  for (let seen = 0; seen < 1_000; seen++) lookahead.learn(0);
  expect(lookahead.size()).toBe(64);
  lookahead.reset();
  expect(lookahead.size()).toBe(0);
});
