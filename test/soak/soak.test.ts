import { expect, test } from "vitest";
import { newEvent } from "../support/new-event.ts";
import { createLedger } from "./ledger.ts";
import { isSound, report } from "./report.ts";
import { soak } from "./soak.ts";
import type { DeliveryState, StoredEvent } from "imggo-webhooks";

test(
  "soak() of some seconds finds nothing lost and nothing twice, and reports it with charts",
  async () => {
    const outcome = await soak({
      seconds: 1.5,
      rate: 100,
      faults: ["SIGKILL"],
      faultEverySeconds: 0.5,
      ownDisk: false,
    });
    const { verdict, faults, counts, problems } = outcome;
    expect([verdict.lost, verdict.twice, problems, counts.wrong]).toEqual([[], [], [], []]);
    expect(faults["SIGKILL"]).toBeGreaterThan(0);
    expect(verdict.acknowledged).toBeGreaterThan(50);
    expect(verdict.succeeded).toBe(verdict.stored);
    const page = report(outcome);
    expect(page).toContain("Nothing lost, nothing twice");
    expect(page.match(/<svg/g)).toHaveLength(5);
    expect(page).not.toMatch(/NaN,|,NaN/);

    const lost = { ...verdict, lost: ["job 1: answered 200, and not stored"] };
    expect(isSound({ ...outcome, verdict: lost })).toBe(false);
    expect(report({ ...outcome, verdict: lost })).toContain("<li>job 1: answered 200");
  },
  60_000,
);

/** An event of a job as a storage tells of it. */
async function storedEvent(job: number, id: string, state: DeliveryState): Promise<StoredEvent> {
  const event = await newEvent({ id, jobId: `${job}` });
  const delivery = { processor: "work", state, attempts: 1, dueAt: null, endedAt: null };
  return {
    ...event,
    size: 1,
    duplicates: 0,
    deliveries: [{ ...delivery, lastError: null }],
  };
}

test("createLedger() finds what is lost and what is done twice, and nothing else", async () => {
  const ledger = createLedger();
  for (const job of [1, 2, 3, 4]) ledger.acknowledge(job, `evt_${job}`);
  for (const job of [1, 2]) ledger.begin(job, `evt_${job}`);
  // A run that was not recorded may be repeated.
  ledger.begin(1, "evt_1");
  ledger.succeed("evt_1");
  ledger.succeed("evt_2");
  ledger.begin(2, "evt_2");
  const verdict = await ledger.judge([
    await storedEvent(1, "evt_1", "succeeded"),
    await storedEvent(2, "evt_2", "succeeded"),
    await storedEvent(3, "evt_3", "dead"),
    await storedEvent(5, "evt_5", "succeeded"),
    await storedEvent(5, "evt_6", "succeeded"),
    await storedEvent(999, "evt_999", "dead"),
  ]);
  expect(verdict.lost).toEqual([
    "job 3: its delivery ended as dead",
    "job 4: answered 200, and not stored",
  ]);
  expect(verdict.twice).toEqual(["job 2: run again after its success", "job 5: stored twice"]);
  expect(verdict).toMatchObject({ acknowledged: 4, repeatedRuns: 2 });
});
