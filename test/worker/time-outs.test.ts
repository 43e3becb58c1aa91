import { expect, test, vi } from "vitest";
import { createGate } from "../support/gate.ts";
import { untilAborted } from "../support/until-aborted.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

const hour = 3_600_000;

test("a worker aborts an attempt at its time-out and tries it again", async () => {
  const reasons: unknown[] = [];
  const { worker, accept, delivery, log } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        await untilAborted(signal).catch((reason: Error) => {
          reasons.push(reason.name);
          throw new DOMException("This operation was aborted", "AbortError");
        });
      },
    },
    options: { timeoutMs: 20, maxAttempts: 8 },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, retry: 1 });
  expect(reasons).toEqual(["TimeoutError"]);
  const { state, attempts, lastError } = (await delivery(id))!;
  expect({ state, attempts }).toEqual({ state: "pending", attempts: 1 });
  // Why it was aborted, not what the abort looked like from inside.
  expect(lastError).toMatch(/^TimeoutError: .*20 ms/);
  const [said] = log.of("delivery failed");
  expect(said).toMatchObject({ attempt: 1, error: lastError });
  expect(said?.["at"]).toBeUndefined();
});

test("a worker frees the slot of a processor that ignores its time-out, and refuses its late result", async () => {
  const { open, opened } = createGate();
  const runs: string[] = [];
  const { worker, accept, delivery, settled } = setUp({
    processors: {
      a: async ({ data }) => {
        runs.push(data.job_id);
        if (data.job_id === "stuck") await opened;
      },
    },
    options: { concurrency: 1, timeoutMs: 20, backoff: { firstMs: hour, maxMs: hour } },
  });
  const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
  try {
    const stuck = await accept({ jobId: "stuck" });
    const next = await accept({ jobId: "next" });
    worker.start();
    const [first, second] = await settled.take(2);
    expect(first).toMatchObject({ lease: { eventId: stuck }, outcome: { kind: "retry" } });
    expect(second).toMatchObject({ lease: { eventId: next }, outcome: { kind: "succeeded" } });
    open();
    await opened;
    await worker.stop();
    expect(runs).toEqual(["stuck", "next"]);
    expect(settled.items).toHaveLength(2);
    expect(await delivery(stuck)).toMatchObject({ state: "pending", attempts: 1 });
  } finally {
    random.mockRestore();
  }
});

test("a worker takes the success of a processor that ends just after its abort", async () => {
  const { worker, accept } = setUp({
    processors: {
      a: (_event, { signal }) =>
        new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    },
    options: { timeoutMs: 10 },
  });
  await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
});
