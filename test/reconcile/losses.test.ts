import { describe, expect, test, vi } from "vitest";
import { createSender, dealFates } from "../support/imggo-sender.ts";
import { setUp } from "../support/reconcile-under-test.ts";

const count = 200;
const shares = { dropped: 0.3, doubled: 0.1, failedFirst: 0.05 };

/** So many jobs with their fates, ended, as far as webhooks tell of it. */
async function endJobs({ awaited }: { readonly awaited: boolean }) {
  const parts = await setUp();
  const { service, receiver, storage, advance } = parts;
  const fates = dealFates(count, shares);
  const jobs = fates.map((_, number) => service.addJob({ id: `job-${number}` }));
  const fateOf = new Map(jobs.map((job, index) => [job.id, fates[index]!]));
  const sender = createSender(service, { fateOf: ({ id }) => fateOf.get(id)! });
  if (awaited) await Promise.all(jobs.map(({ id }) => receiver.expect(id)));
  await Promise.all(jobs.map((job, number) => sender.succeed(job, { number })));
  expect(sender.sent.every(({ outcome }) => outcome === 200)).toBe(true);
  // Or the leases of those that run would be over.
  await vi.waitUntil(async () => {
    const { pending, running } = (await storage.stats()).deliveries;
    return pending + running === 0;
  });
  advance(600_000);
  const lost = jobs.filter((_, index) => fates[index]!.dropped);
  expect(lost).toHaveLength(60);
  return { ...parts, jobs, lost, fateOf };
}

/** Which job's result was processed, and how often. */
function resultsOf({ items }: Awaited<ReturnType<typeof setUp>>["processed"]) {
  const results = new Map<string, unknown[]>();
  for (const { event, data } of items) {
    if (event !== "job.succeeded") continue;
    results.set(data.job_id, [...results.get(data.job_id) ?? [], data.result]);
  }
  return results;
}

describe("of 200 jobs, of whose ends 60 are never sent, 20 twice and 10 after a failure", () => {
  test("drain() gets each that was awaited, by a request each, and it is processed once", async () => {
    const { receiver, processed, jobs, lost, fateOf, asked } = await endJobs({ awaited: true });
    await receiver.drain();
    // The failure that came first was a job's end too.
    const missing = lost.filter(({ id }) => !fateOf.get(id)!.failedFirst);
    expect(missing.length).toBeLessThan(lost.length);
    expect(asked().sort()).toEqual(missing.map(({ id }) => `/jobs/${id}`).sort());

    const { counts, asked: requests } = await receiver.reconcile({ since: 0 });
    expect(requests).toBe(0);
    expect(counts).toMatchObject({
      stored: lost.length - missing.length,
      known: 140 + missing.length,
    });
    expect(asked()).toHaveLength(missing.length + 2);
    await receiver.drain();
    const results = resultsOf(processed);
    expect(results.size).toBe(count);
    jobs.forEach(({ id }, number) => expect(results.get(id)).toEqual([{ number }]));
  });

  test("reconcile() gets each since a time by the pages of a list, and none again", async () => {
    const { receiver, processed, jobs, lost, asked, storage } = await endJobs({ awaited: false });
    const seen: string[] = [];
    const onProgress = ({ jobId }: { jobId: string }) => seen.push(jobId);
    const { counts, asked: requests } = await receiver.reconcile({ since: 0, onProgress });
    expect({ counts, requests }).toEqual({
      counts: { known: 140, stored: 60, duplicate: 0, running: 0, unknown: 0, failed: 0 },
      requests: 0,
    });
    expect(seen.sort()).toEqual(jobs.map(({ id }) => id).sort());
    expect(asked()).toHaveLength(2);
    const { counts: again } = await receiver.reconcile({ since: 0 });
    expect(again).toMatchObject({ known: 200, stored: 0 });
    await receiver.drain();
    const results = resultsOf(processed);
    jobs.forEach(({ id }, number) => expect(results.get(id)).toEqual([{ number }]));
    const { events } = await storage.list({ limit: 1_000 });
    const asked60 = events.filter(({ origin }) => origin === "reconcile").map(({ jobId }) => jobId);
    expect(asked60.sort()).toEqual(lost.map(({ id }) => id).sort());
  });

  test("reconcile() asks for those of the named jobs whose end is missing", async () => {
    const { receiver, jobs, lost, fateOf, asked } = await endJobs({ awaited: false });
    const missing = lost.filter(({ id }) => !fateOf.get(id)!.failedFirst).map(({ id }) => id);
    const jobIds = [...jobs, ...jobs].map(({ id }) => id);
    const [one, other] = await Promise.all([
      receiver.reconcile({ jobIds }),
      receiver.reconcile({ jobIds: jobIds.toReversed() }),
    ]);
    expect(asked().sort()).toEqual(missing.map((id) => `/jobs/${id}`).sort());
    expect(one.jobs).toHaveLength(count);
    expect(one.counts.stored + other.counts.stored).toBe(missing.length);
    expect(one.counts.failed + other.counts.failed).toBe(0);
  });
});
