import type { Expectation, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import type { Test } from "../contract.ts";
import { alike } from "./alike.ts";
import { awaited, awaitJob } from "./awaited.ts";
import { acceptNew, day, followCursor, hour, minute, second } from "./calls.ts";

/** Which jobs' ends are awaited, and when ImgGo is asked. */
export function expectationTests(test: Test): void {
  const due = async (storage: Storage, leaseMs: number = minute) =>
    (await storage.expectations.claim({ limit: 100, leaseMs })).map(({ jobId }) => jobId);

  const the = async (storage: Storage, jobId: string = "job_1") => {
    const found = (await awaited(storage)).find((each) => each.jobId === jobId);
    if (found === undefined) throw new Error("the job is not awaited");
    return found;
  };

  test("expectations of nothing are empty", async ({ storage }) => {
    expect(await storage.expectations.list({ limit: 10 }))
      .toEqual({ expectations: [], nextCursor: null });
    expect(await due(storage)).toEqual([]);
    await storage.expectations.postpone("job_1", { afterMs: minute, error: "unheard" });
    expect(await awaited(storage)).toEqual([]);
  });

  test("add() awaits a job, and claim() gives it at its deadline", async ({ storage, advance }) => {
    expect(await awaitJob(storage, "job_1", { patternId: "pat_1", withinMs: 10 * minute }))
      .toBe("waiting");
    const expectation = await the(storage);
    expect(expectation).toEqual({
      jobId: "job_1",
      patternId: "pat_1",
      deadlineAt: expect.any(Number),
      asked: 0,
      askAt: expectation.deadlineAt,
      lastError: null,
    });
    await advance(9 * minute);
    expect(await due(storage)).toEqual([]);
    expect((await storage.stats()).expectations).toEqual({ waiting: 1, overdue: 0 });
    await advance(2 * minute);
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 1 });
    const [claimed, ...more] = await storage.expectations.claim({ limit: 10, leaseMs: minute });
    expect(more).toEqual([]);
    expect(claimed).toEqual({
      jobId: "job_1",
      patternId: "pat_1",
      deadlineAt: expect.any(Number),
      asked: 1,
      askAt: expect.any(Number),
      lastError: null,
    });
    expect(await the(storage)).toEqual(claimed);
    expect(await due(storage)).toEqual([]);
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 1 });
  });

  test("add() takes from no time to 30 days", async ({ storage, advance }) => {
    await awaitJob(storage, "at once", { withinMs: 0 });
    await awaitJob(storage, "later", { withinMs: 30 * day });
    await awaitJob(storage, "fraction", { withinMs: minute / 7 });
    expect(await due(storage, 60 * day)).toEqual(["at once"]);
    await advance(minute);
    expect(await due(storage, 60 * day)).toEqual(["fraction"]);
    await advance(29 * day);
    expect(await due(storage)).toEqual([]);
    await advance(day);
    expect(await due(storage)).toEqual(["later"]);
  });

  test("add() made again keeps the earlier deadline and the pattern", async ({ storage }) => {
    await awaitJob(storage, "job_1", { withinMs: hour });
    const first = await the(storage);
    await awaitJob(storage, "job_1", { withinMs: 2 * hour, patternId: "pat_1" });
    expect(await the(storage)).toEqual({ ...first, patternId: "pat_1" });
    expect(await awaitJob(storage, "job_1", { withinMs: minute, patternId: "pat_2" }))
      .toBe("waiting");
    const earlier = await the(storage);
    expect(first.deadlineAt - earlier.deadlineAt).toBeGreaterThan(58 * minute);
    expect(earlier).toMatchObject({ patternId: "pat_1", asked: 0, askAt: earlier.deadlineAt });
    await awaitJob(storage, "job_1", { withinMs: hour });
    expect(await the(storage)).toEqual(earlier);
    expect((await storage.stats()).expectations).toEqual({ waiting: 1, overdue: 0 });
    await awaitJob(storage, "job_1", { withinMs: 0 });
    expect(await due(storage)).toEqual(["job_1"]);
  });

  test("add() disturbs nobody who is asking, and not when to ask again", async (world) => {
    const { storage, advance } = world;
    await awaitJob(storage, "job_1", { withinMs: 0 });
    expect(await due(storage)).toEqual(["job_1"]);
    const asking = await the(storage);
    await awaitJob(storage, "job_1", { withinMs: 0 });
    expect(await the(storage)).toEqual(asking);
    expect(await due(storage)).toEqual([]);
    await storage.expectations.postpone("job_1", { afterMs: hour, error: "running" });
    const postponed = await the(storage);
    await awaitJob(storage, "job_1", { withinMs: 0 });
    expect(await the(storage)).toEqual(postponed);
    await advance(50 * minute);
    expect(await due(storage)).toEqual([]);
    await advance(20 * minute);
    expect(await due(storage)).toEqual(["job_1"]);
  });

  test("add() by ten callers at once awaits a job once", async ({ storage }) => {
    const answers = await Promise.all(
      Array.from(
        { length: 10 },
        (_, index) => awaitJob(storage, "job_1", { withinMs: (index + 1) * hour }),
      ),
    );
    expect(new Set(answers)).toEqual(new Set(["waiting"]));
    expect(await awaited(storage)).toMatchObject([{ jobId: "job_1", asked: 0 }]);
    await awaitJob(storage, "reference", { withinMs: hour });
    const { deadlineAt } = await the(storage);
    expect(deadlineAt - (await the(storage, "reference")).deadlineAt).toBeLessThan(minute);
  });

  test("claim() gives those due first, first, and no more than its limit", async (world) => {
    const { storage, advance } = world;
    for (const minutes of [40, 10, 30, 20]) {
      await awaitJob(storage, `${minutes}`, { withinMs: minutes * minute });
    }
    await advance(35 * minute);
    const claim = async (limit: number) =>
      (await storage.expectations.claim({ limit, leaseMs: day })).map(({ jobId }) => jobId);
    expect(await claim(2)).toEqual(["10", "20"]);
    await storage.expectations.postpone("10", { afterMs: 0, error: null });
    expect(await claim(1)).toEqual(["30"]);
    expect(await claim(5)).toEqual(["10"]);
    expect(await claim(5)).toEqual([]);
  });

  const expectEachClaimedOnce = async (storages: readonly [Storage, Storage]) => {
    const [storage] = storages;
    const jobs = Array.from({ length: 30 }, (_, index) => `job_${index}`);
    await Promise.all(jobs.map((jobId) => awaitJob(storage, jobId, { withinMs: 0 })));
    const results = await Promise.all(
      Array.from(
        { length: 10 },
        (_, index) => storages[index % 2 ? 1 : 0].expectations.claim({ limit: 5, leaseMs: minute }),
      ),
    );
    const claimed = results.flat().map(({ jobId }) => jobId);
    claimed.push(...await due(storage));
    expect(claimed.sort()).toEqual(jobs.sort());
    expect((await awaited(storage)).map(({ asked }) => asked)).toEqual(jobs.map(() => 1));
  };

  test("claim() at once gives each to one caller", async ({ storage }) => {
    await expectEachClaimedOnce([storage, storage]);
  });

  test("claim() of two storages at once gives each to one caller", async (world) => {
    await expectEachClaimedOnce([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });

  test("claim() gives again what was not postponed in time", async ({ storage, advance }) => {
    await awaitJob(storage, "job_1", { withinMs: 0 });
    for (const asked of [1, 2, 3]) {
      expect(await storage.expectations.claim({ limit: 10, leaseMs: minute }))
        .toMatchObject([{ jobId: "job_1", asked }]);
      await advance(50 * second);
      expect(await due(storage)).toEqual([]);
      await advance(minute);
    }
  });

  test("postpone() says when to ask again, and why", async ({ storage, advance }) => {
    await awaitJob(storage, "job_1", { withinMs: 0 });
    await awaitJob(storage, "job_2", { withinMs: 0 });
    await due(storage, 2 * day);
    const next = { afterMs: hour, error: "still running" };
    await storage.expectations.postpone("job_1", next);
    // As after an answer that was lost.
    await storage.expectations.postpone("job_1", next);
    expect(await the(storage)).toMatchObject({ asked: 1, lastError: "still running" });
    expect(await the(storage, "job_2")).toMatchObject({ asked: 1, lastError: null });
    await advance(59 * minute);
    expect(await due(storage)).toEqual([]);
    await advance(2 * minute);
    expect(await storage.expectations.claim({ limit: 10, leaseMs: minute }))
      .toMatchObject([{ jobId: "job_1", asked: 2, lastError: "still running" }]);
    await storage.expectations.postpone("job_1", { afterMs: 0, error: null });
    expect(await the(storage)).toMatchObject({ asked: 2, lastError: null });
    expect(await due(storage)).toEqual(["job_1"]);
    await storage.expectations.postpone("job_1", { afterMs: minute / 7, error: "a\0b\ud83e" });
    expect((await the(storage)).lastError).toMatch(/^a/);
  });

  test("postpone() gives up, and add() comes back to it", async ({ storage, advance }) => {
    await awaitJob(storage, "job_1", { withinMs: minute });
    await advance(2 * minute);
    expect(await due(storage)).toEqual(["job_1"]);
    await storage.expectations.postpone("job_1", { afterMs: null, error: "no such job" });
    expect(await the(storage)).toMatchObject({ askAt: null, asked: 1, lastError: "no such job" });
    await advance(365 * day);
    expect(await due(storage)).toEqual([]);
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 1 });

    const { deadlineAt } = await the(storage);
    expect(await awaitJob(storage, "job_1", { withinMs: hour })).toBe("waiting");
    expect(await the(storage)).toMatchObject(
      { deadlineAt, askAt: deadlineAt, asked: 1, lastError: "no such job" },
    );
    expect(await storage.expectations.claim({ limit: 10, leaseMs: minute }))
      .toMatchObject([{ jobId: "job_1", asked: 2 }]);
  });

  test("a clock set back neither forgets nor hurries what is awaited", async (world) => {
    const { storage, advance } = world;
    await awaitJob(storage, "job_1", { withinMs: 10 * minute });
    await advance(-hour);
    expect(await due(storage)).toEqual([]);
    await advance(65 * minute);
    expect(await due(storage)).toEqual([]);
    await advance(10 * minute);
    expect(await due(storage)).toEqual(["job_1"]);
  });

  test("expectations tell jobs apart that only look alike", async ({ storage, advance }) => {
    // The longest id that there is: 255 characters of 4 bytes.
    const long = "\u{1d541}".repeat(254);
    const jobs = [...alike, `${long}\u{1d541}`, `${long}\u{1d542}`].sort();
    for (const jobId of jobs) await awaitJob(storage, jobId, { patternId: jobId });
    const ids = (some: readonly Expectation[]) => some.map(({ jobId }) => jobId).sort();
    expect(ids(await awaited(storage))).toEqual(jobs);
    expect(ids(await awaited(storage, 1))).toEqual(jobs);
    await advance(2 * hour);
    for (const [index, jobId] of jobs.entries()) {
      await storage.expectations.postpone(jobId, { afterMs: null, error: `${index}` });
    }
    for (const { jobId, patternId, lastError } of await awaited(storage)) {
      expect([jobId, patternId]).toEqual([jobs[Number(lastError)], jobId]);
    }
    expect(await due(storage)).toEqual([]);
  });

  test("list() shows the earliest deadline first, on pages of any size", async ({ storage }) => {
    for (const minutes of [30, 10, 50, 20, 40]) {
      await awaitJob(storage, `${minutes}`, { withinMs: minutes * minute });
    }
    for (const limit of [1, 2, 5, 6]) {
      expect((await awaited(storage, limit)).map(({ jobId }) => jobId))
        .toEqual(["10", "20", "30", "40", "50"]);
    }
  });

  test("list() pages neither skip nor repeat while others come and go", async ({ storage }) => {
    const stay: string[] = [];
    for (let count = 0; count < 24; count++) {
      const jobId = `${count % 2 ? "stay" : "go"}_${count}`;
      // Several with one deadline, where the clock stands still.
      await awaitJob(storage, jobId, { withinMs: (count % 3 + 1) * hour });
      if (count % 2) stay.push(jobId);
    }
    let count = 0;
    const change = async () => {
      await awaitJob(storage, `new_${count}`, { withinMs: count % 5 * hour });
      await acceptNew(storage, { jobId: `go_${count}` });
      count += 2;
    };
    const seen = (await followCursor(
      (position) => storage.expectations.list({ limit: 3, ...position }),
      // More would come for ever.
      () => count < 24 ? change() : Promise.resolve(),
    )).flatMap(({ expectations }) => expectations.map(({ jobId }) => jobId));
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((jobId) => stay.includes(jobId)).sort()).toEqual(stay.sort());
  });

  test("list() and claim() return what is the caller's own", async ({ storage }) => {
    await awaitJob(storage, "job_1", { withinMs: 0 });
    const claimed = await storage.expectations.claim({ limit: 10, leaseMs: minute });
    const pristine = await the(storage);
    for (const each of [...claimed, await the(storage)]) {
      Object.assign(each, { jobId: "job_2", asked: 99, askAt: 0, deadlineAt: 0 });
    }
    expect(await awaited(storage)).toEqual([pristine]);
  });

  test("two storages over the same data await together, also opened again", async (world) => {
    const other = await world.openAnother();
    await awaitJob(world.storage, "job_1", { withinMs: 0, patternId: "pat_1" });
    await awaitJob(other, "job_2");
    expect(await due(other)).toEqual(["job_1"]);
    await other.expectations.postpone("job_1", { afterMs: hour, error: "running" });
    const before = await awaited(world.storage);
    expect(before).toHaveLength(2);
    expect(await awaited(await world.reopen())).toEqual(before);
  }, { needs: "sharedData" });
}
