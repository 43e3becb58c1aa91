import { expect, test } from "vitest";
import { setUp } from "../support/reconcile-under-test.ts";

const ended = { status: "succeeded", result: { total: 7 } } as const;
/** A job in a state that is not documented. */
const cancelled = { status: "cancelled" as "queued" };

test("reconcile() goes on behind a job of which ImgGo's answer cannot be read", async () => {
  const { receiver, service } = await setUp();
  service.addJob({ id: "odd", ...cancelled });
  service.addJob({ id: "good", ...ended });
  const { counts, jobs } = await receiver.reconcile({ jobIds: ["odd", "good"] });
  expect(counts).toMatchObject({ failed: 1, stored: 1 });
  expect(jobs[0]?.error).toContain("expected one of");
});

test("drain() goes on behind a job of which ImgGo's answer cannot be read", async () => {
  const { receiver, service, advance, processed, awaited } = await setUp();
  service.addJob({ id: "odd", ...cancelled });
  service.addJob({ id: "good", ...ended });
  for (const id of ["odd", "good"]) await receiver.expect(id, { deadlineMs: 0 });
  advance(1);
  await receiver.drain();
  expect((await processed.next()).data.job_id).toBe("good");
  expect(await awaited()).toEqual(
    new Map([["odd", {
      asked: 1,
      inMs: 60_000,
      error: expect.stringContaining("expected one of"),
    }]]),
  );
});

test.each([".", ".."])(
  "expect() and reconcile() refuse the id %s, which names no job",
  async (id) => {
    const { receiver } = await setUp();
    await expect(receiver.expect(id)).rejects.toThrow("other than `.` and `..`");
    await expect(receiver.reconcile({ jobIds: [id] })).rejects.toThrow("other than `.` and `..`");
  },
);
