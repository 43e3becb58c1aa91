import { memoryStorage } from "imggo-webhooks/storage/memory";
import { withSpool } from "imggo-webhooks/storage/spool";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createMover } from "../../../src/storage/spool/mover.ts";
import { createRoute } from "../../../src/storage/spool/route.ts";
import { seal } from "../../../src/storage/spool/seal.ts";
import { breakable } from "../../support/breakable-storage.ts";
import { captureLog } from "../../support/captured-log.ts";
import { countOverlaps } from "../../support/count-overlaps.ts";
import { createGate } from "../../support/gate.ts";
import { newEvent } from "../../support/new-event.ts";
import { newFile, setUp } from "../../support/spool-under-test.ts";

describe("a storage that is down", () => {
  /** When it was asked, in milliseconds; an event is spooled at 0. */
  async function asked(forMs: number, wakeEveryMs?: number) {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const times: number[] = [];
    const startedAt = performance.now();
    const { storage: primary, is } = breakable(memoryStorage());
    is("rejects");
    const spool = memoryStorage();
    await spool.accept(seal(await newEvent()));
    const counted = {
      ...primary,
      accept: (...of: Parameters<typeof primary.accept>) => {
        times.push(performance.now() - startedAt);
        return primary.accept(...of);
      },
      ping: () => {
        times.push(performance.now() - startedAt);
        return primary.ping();
      },
    };
    const parts = { primary: counted, spool, route: createRoute(), logger: captureLog().logger };
    const mover = createMover(parts);
    mover.start();
    for (let time = 0; time < forMs; time += wakeEveryMs ?? forMs) {
      await vi.advanceTimersByTimeAsync(wakeEveryMs ?? forMs);
      if (wakeEveryMs !== undefined) mover.wake();
    }
    const stopped = mover.stop();
    await vi.advanceTimersByTimeAsync(1_000);
    await stopped;
    return times;
  }

  test("is asked soon at first, then less and less often, in the end once a second", async () => {
    expect(await asked(4_600)).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550]);
  });

  test("is not asked more often because more is spooled", async () => {
    expect(await asked(4_600, 10)).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550, 4_550]);
  });
});

test("each outage is told, with what was spooled in it", async () => {
  const { broken, acceptMany, allMoved, log } = await setUp();
  for (const count of [3, 5]) {
    broken.is("rejects");
    await acceptMany(count);
    broken.is("works");
    await allMoved();
  }
  expect(log.of("the storage fails")).toHaveLength(2);
  expect(log.of("the storage is back")).toMatchObject([{ moved: 3 }, { moved: 5 }]);
  expect(log.lines).toHaveLength(4);
});

test("what another process leaves in the spool is moved before what comes then", async () => {
  const primary = memoryStorage();
  const file = await newFile();
  const { open, opened } = createGate();
  const asked: string[] = [];
  const one = await setUp({
    primary: {
      ...primary,
      async accept(event) {
        asked.push(event.id);
        await opened;
        return await primary.accept(event);
      },
    },
    file,
    primaryWithinMs: 10_000,
  });
  await one.allMoved();
  const other = await setUp({ primary, file });
  other.broken.is("rejects");
  const left = await other.acceptMany(3);
  await other.storage.close();
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  expect(await one.storage.ping()).toMatchObject({ spooling: true });
  const { id } = await one.accept();
  expect(asked).toEqual(left.slice(0, 1));
  open();
  await one.allMoved();
  expect(await one.stored()).toEqual([...left, id]);
  expect(one.log.of("left in the spool")).toHaveLength(1);
  expect(one.log.of("the storage is back")).toMatchObject([{ moved: 4 }]);
});

test("what is moved again after an outage is moved one by one at first", async () => {
  const { broken, primary, acceptMany, allMoved } = await setUp();
  const { accept, together } = countOverlaps(primary.accept);
  Object.assign(primary, { accept });
  for (const count of [300, 40]) {
    together.length = 0;
    broken.is("rejects");
    await acceptMany(count);
    broken.is("works");
    await allMoved();
    expect(together).toHaveLength(count);
    expect(Math.max(...together.slice(0, 40))).toBe(1);
  }
});

test("a long spool is pruned while it is moved", async () => {
  const pruned: { readonly count: number; readonly moved: number }[] = [];
  const { broken, acceptMany, allMoved } = await setUp({
    faulty: ({ prune }) => ({
      async prune(request) {
        const count = await prune(request);
        pruned.push({ count, moved: broken.taken.length });
        return count;
      },
    }),
  });
  await allMoved();
  broken.is("rejects");
  await acceptMany(620);
  pruned.length = 0;
  broken.is("works");
  await allMoved();
  expect(pruned).toEqual([
    { count: 250, moved: 250 },
    { count: 250, moved: 500 },
    { count: 120, moved: 620 },
  ]);
});

test("what another process holds is asked for about once a second, not at once again", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const spool = memoryStorage();
  await spool.accept(seal(await newEvent()));
  await spool.claim({ processors: ["spool"], limit: 1, leaseMs: 60_000, maxAttempts: 1 });
  let asked = 0;
  const storage = withSpool(memoryStorage(), {
    ...spool,
    claim(request) {
      asked++;
      return spool.claim(request);
    },
  });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBeGreaterThan(7);
  expect(asked).toBeLessThan(16);
  await storage.close();
});

test("close() lets the moving end before it closes what that uses", async () => {
  const [primary, spool] = [memoryStorage(), memoryStorage()];
  for (let count = 0; count < 60; count++) await spool.accept(seal(await newEvent()));
  const done: string[] = [];
  let moved = 0;
  const { open, opened } = createGate();
  const storage = withSpool({
    ...primary,
    async accept(event) {
      if (++moved === 10) open();
      return await primary.accept(event);
    },
    close: () => Promise.resolve(void done.push("closed")),
  }, {
    ...spool,
    settle(lease, outcome) {
      done.push("settled");
      return spool.settle(lease, outcome);
    },
    close: () => Promise.resolve(void done.push("closed")),
  });
  await opened;
  await storage.close();
  expect(done.filter((what) => what === "settled")).toHaveLength(50);
  expect(done.slice(-2)).toEqual(["closed", "closed"]);
});

test("what comes is slowed down while a long spool is moved as fast as can be", async () => {
  const [primary, spool, route] = [memoryStorage(), memoryStorage(), createRoute()];
  for (let count = 0; count < 400; count++) await spool.accept(seal(await newEvent()));
  const whenSlowed: number[] = [];
  let moved = 0;
  const mover = createMover({
    primary: {
      ...primary,
      accept(event) {
        moved++;
        return primary.accept(event);
      },
    },
    spool,
    route: {
      ...route,
      slow() {
        whenSlowed.push(moved);
        route.slow();
      },
    },
    logger: captureLog().logger,
  });
  mover.start();
  await vi.waitUntil(() => !route.spooling());
  await mover.stop();
  expect(moved).toBe(400);
  expect(whenSlowed).toEqual([200, 250, 300, 350]);
  await route.decided(undefined);
});

test("what comes while much is left does not wait for it", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const spool = memoryStorage();
  for (let count = 0; count < 60; count++) await spool.accept(seal(await newEvent()));
  const { open, opened } = createGate();
  const primary = memoryStorage();
  const storage = withSpool({
    ...primary,
    async accept(event) {
      await opened;
      return await primary.accept(event);
    },
  }, spool);
  // The timers stand still: one that waits for a time waits for ever.
  await storage.accept(await newEvent());
  open();
  await vi.waitFor(async () => expect((await primary.stats()).deliveries.pending).toBe(61));
  vi.useRealTimers();
  await storage.close();
});

test("close() closes both, also where one fails to close, and says so", async () => {
  const closed: string[] = [];
  const failing = (name: string) => ({
    ...memoryStorage(),
    close() {
      closed.push(name);
      return Promise.reject(new Error(`canary: ${name}`));
    },
  });
  const sound = {
    ...memoryStorage(),
    async close() {
      await new Promise((resolve) => setImmediate(resolve));
      closed.push("sound");
    },
  };
  await expect(withSpool(failing("storage"), sound).close()).rejects.toThrow("canary: storage");
  expect(closed.splice(0).sort()).toEqual(["sound", "storage"]);
  await expect(withSpool(sound, failing("spool")).close()).rejects.toThrow("canary: spool");
  expect(closed.sort()).toEqual(["sound", "spool"]);
});
