import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import { lookFor, setAsideFor } from "../../../src/storage/spool/leftovers.ts";
import { moverName, seal } from "../../../src/storage/spool/seal.ts";
import { newEvent } from "../../support/new-event.ts";

/** A spool of so many events that are set aside, behind some that are not. */
async function spoolOf(setAside: number, waiting: number) {
  const spool = memoryStorage();
  for (let count = 0; count < waiting + setAside; count++) {
    await spool.accept(seal(await newEvent()));
  }
  const { claims } = await spool.claim(
    { processors: [moverName], limit: waiting + setAside, leaseMs: 1_000, maxAttempts: 1 },
  );
  for (const claim of claims.slice(waiting)) {
    await spool.settle(claim, { kind: "retry", afterMs: 1_000, error: setAsideFor("no") });
  }
  return spool;
}

test("lookFor() counts what is set aside where nothing waits, however much it is", async () => {
  expect(await lookFor(await spoolOf(0, 0))).toEqual({ waiting: false, setAside: 0 });
  expect(await lookFor(await spoolOf(250, 0))).toEqual({ waiting: false, setAside: 250 });
});

test("lookFor() finds the one that waits behind many that are set aside", async () => {
  expect(await lookFor(await spoolOf(250, 1))).toMatchObject({ waiting: true });
});
