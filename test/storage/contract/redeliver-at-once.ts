import type { Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  acceptAll,
  acceptNew,
  claimedIds,
  claimOne,
  end,
  minute,
  nothing,
  request,
  statesOf,
} from "./calls.ts";

/** What redeliver() does while others change the same deliveries. */
export function redeliverAtOnceTests(test: Test): void {
  const expectOnceAtOnce = async (storages: readonly [Storage, Storage]) => {
    const [storage] = storages;
    const id = await acceptNew(storage);
    await end(storage, "a", "dead");
    const counts = await Promise.all(
      Array.from(
        { length: 10 },
        (_, index) => storages[index % 2 ? 1 : 0].redeliver(id, ["a", "b"]),
      ),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(2);
    expect(await statesOf(storage, id)).toEqual({ a: "pending", b: "pending" });
    expect(await claimedIds(storage, { processors: ["a", "b"] })).toEqual([id, id]);
    expect(await storage.claim(request({ processors: ["a", "b"] }))).toEqual(nothing);
  };

  test("redeliver() by ten callers at once makes each due once", async ({ storage }) => {
    await expectOnceAtOnce([storage, storage]);
  });

  test("redeliver() by two storages at once makes each due once", async (world) => {
    await expectOnceAtOnce([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });

  const expectOneRun = async (storages: readonly [Storage, Storage]) => {
    const [storage, other] = storages;
    for (let round = 0; round < 20; round++) {
      const id = await acceptNew(storage);
      await end(storage, "a", round % 2 ? "dead" : "succeeded");
      const [count, ...results] = await Promise.all([
        storage.redeliver(id, ["a"]),
        other.claim(request()),
        storage.claim(request()),
      ]);
      results.push(await other.claim(request()));
      const claims = results.flatMap(({ claims }) => claims);
      expect([count, claims.map(({ attempt }) => attempt)]).toEqual([1, [1]]);
      for (const claim of claims) {
        expect(await other.settle(claim, { kind: "succeeded" })).toBe(true);
      }
    }
  };

  test("redeliver() while others claim gives one run", async ({ storage }) => {
    await expectOneRun([storage, storage]);
  });

  test("redeliver() while another storage claims gives one run", async (world) => {
    await expectOneRun([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });

  const expectSuperseded = async (storages: readonly [Storage, Storage]) => {
    const [storage, other] = storages;
    for (let round = 0; round < 20; round++) {
      const jobId = `job_${round}`;
      const failed = await acceptNew(storage, { event: "job.failed", jobId });
      await end(storage, "a", "dead");
      const succeeded = await newEvent({ jobId, processors: [] });
      const again = () =>
        round % 4 < 2 ? storage.redeliver(failed, ["a", "b"]) : storage.redrive({ limit: 10 });
      await Promise.all(
        round % 2 ? [other.accept(succeeded), again()] : [again(), other.accept(succeeded)],
      );
      expect(await storage.get(failed)).toMatchObject({ state: "superseded", deliveries: [] });
    }
    expect(await storage.claim(request({ processors: ["a", "b"] }))).toEqual(nothing);
    expect(await storage.countDead({})).toBe(0);
  };

  test("redeliver() and redrive() withdraw while the job's success comes", async ({ storage }) => {
    await expectSuperseded([storage, storage]);
  });

  test(
    "redeliver() and redrive() withdraw while another storage accepts the success",
    async (world) => {
      await expectSuperseded([world.storage, await world.openAnother()]);
    },
    { needs: "sharedData" },
  );

  const expectSettledOrDue = async (storages: readonly [Storage, Storage]) => {
    const [storage, other] = storages;
    for (let round = 0; round < 20; round++) {
      const id = await acceptNew(storage);
      const claim = await claimOne(storage);
      const settle = () => other.settle(claim, { kind: "dead", error: "no" });
      const redeliver = () => storage.redeliver(id, ["a"]);
      const results = await Promise.all(
        round % 2 ? [settle(), redeliver()] : [redeliver(), settle()],
      );
      expect(results).toContain(true);
      const again = results.includes(1);
      expect(await statesOf(storage, id)).toEqual({ a: again ? "pending" : "dead" });
      if (again) await end(storage, "a", "succeeded");
    }
  };

  test("redeliver() while the attempt ends comes before or behind it", async ({ storage }) => {
    await expectSettledOrDue([storage, storage]);
  });

  test(
    "redeliver() while another storage ends the attempt comes before or behind it",
    async (world) => {
      await expectSettledOrDue([world.storage, await world.openAnother()]);
    },
    { needs: "sharedData" },
  );

  const expectPrunedOrDue = async (storages: readonly [Storage, Storage]) => {
    const [storage, other] = storages;
    const events = await Promise.all(Array.from({ length: 20 }, () => newEvent()));
    await acceptAll(storages, events);
    const { claims } = await storage.claim(request());
    await Promise.all(claims.map((claim) => storage.settle(claim, { kind: "succeeded" })));
    const prune = () => other.prune({ receivedBefore: receivedAt + minute, limit: 2 });
    const results = await Promise.all(events.map(async ({ id }) => {
      const [count, pruned] = await Promise.all([storage.redeliver(id, ["a"]), prune()]);
      return { id, count, pruned };
    }));
    const due = results.filter(({ count }) => count === 1).map(({ id }) => id);
    const pruned = results.reduce((sum, { pruned }) => sum + pruned, 0);
    expect(due.length + pruned).toBe(events.length);
    for (const { id, count } of results) {
      expect(await statesOf(storage, id)).toEqual(count === 1 ? { a: "pending" } : {});
    }
    expect((await claimedIds(storage)).sort()).toEqual(due.sort());
  };

  test("redeliver() while events are pruned loses none that it made due", async ({ storage }) => {
    await expectPrunedOrDue([storage, storage]);
  });

  test("redeliver() while another storage prunes loses none that it made due", async (world) => {
    await expectPrunedOrDue([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });
}
