import type { NewEvent, Storage } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import { batchSize, leaseMs, moveBatch, PrimaryFailed } from "../../../src/storage/spool/batch.ts";
import { type Experience, noExperience } from "../../../src/storage/spool/experience.ts";
import { setAsideFor } from "../../../src/storage/spool/leftovers.ts";
import { moverName, seal } from "../../../src/storage/spool/seal.ts";
import { breakable } from "../../support/breakable-storage.ts";
import { captureLog } from "../../support/captured-log.ts";
import { countOverlaps } from "../../support/count-overlaps.ts";
import { newEvent, repeatOf } from "../../support/new-event.ts";

const request = { processors: [moverName], limit: batchSize, leaseMs, maxAttempts: 1_000 };

/** A spool with these events, and the storage that they are to be moved to. */
async function setUp(events: readonly NewEvent[], seals: (event: NewEvent) => NewEvent = seal) {
  const primary = memoryStorage();
  const broken = breakable(primary);
  const spool = memoryStorage();
  for (const event of events) await spool.accept(seals(event));
  const stop = new AbortController();
  const log = captureLog();
  let moved = 0;
  return {
    primary,
    broken,
    spool,
    stop,
    log,
    moved: () => moved,
    /** Moves a batch, which was claimed so many milliseconds ago. */
    async move(experience: Experience, agoMs = 0, storage: Storage = broken.storage) {
      const { claims } = await spool.claim(request);
      await moveBatch(claims, performance.now() - agoMs, {
        primary: storage,
        spool,
        logger: log.logger,
        onMoved: () => moved++,
        experience,
        stopping: stop.signal,
      });
    },
    /** The ids that are left, as they would be claimed. */
    async left() {
      return (await spool.claim(request)).claims.map(({ eventId }) => eventId);
    },
  };
}

const many = (count: number) => Promise.all(Array.from({ length: count }, () => newEvent()));
const trusting = (): Experience => ({ ...noExperience(), atOnce: 16 });
const idsOf = (events: readonly NewEvent[]) => events.map(({ id }) => id);

test("a whole batch that goes well has the next one moved faster, a part of one has not", async () => {
  const experience = noExperience();
  const whole = await setUp(await many(batchSize));
  await whole.move(experience);
  expect(whole.moved()).toBe(batchSize);
  expect(experience.atOnce).toBe(2);
  const part = await setUp(await many(batchSize - 1));
  await part.move(experience);
  expect(part.moved()).toBe(batchSize - 1);
  expect(experience.atOnce).toBe(2);
});

test("what fails among several is tried again alone, before what comes behind it", async () => {
  const events = await many(40);
  const { primary, move, left } = await setUp(events);
  const experience = trusting();
  const asked: string[] = [];
  const { accept, together } = countOverlaps(async (event) => {
    const isFirstTime = !asked.includes(event.id);
    asked.push(event.id);
    if (event.id === events[3]?.id && isFirstTime) throw new Error("once, by a test");
    return await primary.accept(event);
  });
  await move(experience, 0, { ...primary, accept });
  expect(asked).toEqual(idsOf([...events.slice(0, 16), events[3]!, ...events.slice(16)]));
  expect(together.indexOf(16)).toBe(15);
  expect(Math.max(...together.slice(16))).toBe(1);
  expect(await left()).toEqual([]);
});

test("a failure has the next batch moved one by one, and what is left put back in order", async () => {
  const events = await many(5);
  const { broken, move, moved, left } = await setUp(events);
  broken.is("rejects");
  const experience = trusting();
  await expect(move(experience)).rejects.toBeInstanceOf(PrimaryFailed);
  expect(experience.atOnce).toBe(1);
  expect(moved()).toBe(0);
  expect(await left()).toEqual(idsOf(events));
});

test("several at once have neither two of a job nor a repeat among them", async () => {
  const [one, two] = await many(2);
  const other = await newEvent({ event: "job.failed", jobId: one!.jobId });
  const without = [await newEvent({ jobId: null, key: "a" }), await newEvent({ jobId: null })];
  const { primary, move } = await setUp([one!, two!, other, ...without]);
  const { accept, together } = countOverlaps(primary.accept);
  await move(trusting(), 0, { ...primary, accept });
  expect(together).toEqual([1, 2, 1, 2, 3]);

  const [first, second] = await many(2);
  const seals = (event: NewEvent) => event === second ? seal(event, first!.id) : seal(event);
  const repeated = await setUp([first!, second!], seals);
  const order: string[] = [];
  await repeated.move(trusting(), 0, {
    ...repeated.primary,
    async accept(event) {
      order.push(`asked ${event.id}`);
      const accepted = await repeated.primary.accept(event);
      order.push(`took ${event.id}`);
      return accepted;
    },
  });
  const { id } = first!;
  expect(order).toEqual([id, second!.id].flatMap((each) => [`asked ${each}`, `took ${each}`]));
});

test("what its time does not suffice for is put back, and so is what a stop leaves", async () => {
  const events = await many(6);
  const { primary, move, moved, stop, left } = await setUp(events);
  await move(noExperience(), 4_100);
  expect(moved()).toBe(0);
  await move(noExperience(), 0, {
    ...primary,
    accept(event) {
      if (event.id === events[1]?.id) stop.abort();
      return primary.accept(event);
    },
  }).catch(() => {});
  expect(moved()).toBeLessThan(3);
  expect(await left()).toEqual(idsOf(events.slice(moved())));
});

test("a stop sets nothing aside, also not what was before", async () => {
  const [event] = await many(1);
  const { primary, spool, move, stop, log, left } = await setUp([event!]);
  const { claims: [claim] } = await spool.claim(request);
  await spool.settle(claim!, { kind: "retry", afterMs: 0, error: setAsideFor("no") });
  const stopped = move(noExperience(), 0, {
    ...primary,
    accept() {
      stop.abort();
      return Promise.reject(new Error("broken off by a test"));
    },
  });
  await expect(stopped).rejects.toBeInstanceOf(PrimaryFailed);
  expect(log.lines).toEqual([]);
  expect(await left()).toEqual([event!.id]);
});

test("one that is refused alone costs one of the others its turn, but never a repeat", async () => {
  const [refused, first, ...others] = await many(8);
  const repeats = [repeatOf(first!), repeatOf(first!)];
  const isRepeat = new Set(idsOf(repeats));
  const { broken, move, moved, left } = await setUp(
    [refused!, ...repeats, ...others],
    (event) => isRepeat.has(event.id) ? seal(event, "evt_of_another_spool") : seal(event),
  );
  broken.refused.add(refused!.id);
  const experience = noExperience();
  for (let count = 1; count < 5; count++) {
    await expect(move(experience)).rejects.toBeInstanceOf(PrimaryFailed);
    expect(moved()).toBe(0);
  }
  for (let count = 1; count < 5; count++) {
    await expect(move(experience)).rejects.toBeInstanceOf(PrimaryFailed);
    expect(moved()).toBe(count);
  }
  expect(broken.taken.filter((id) => isRepeat.has(id))).toEqual([]);
  await move(experience);
  expect(moved()).toBe(8);
  expect(await left()).toEqual([]);
});
