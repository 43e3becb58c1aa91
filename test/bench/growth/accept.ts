import { newEvent } from "../../support/new-event.ts";
import type { Filled } from "./filled.ts";
import { inTurn, type Took } from "./in-turn.ts";

/** How long an accept takes, one after another: a commit each. */
export async function benchAccept(filled: readonly Filled[], rounds: number): Promise<Took[]> {
  const events = await Promise.all(
    Array.from({ length: rounds * filled.length }, () => newEvent()),
  );
  return await inTurn(filled, rounds, async (storage) => {
    const event = events.pop();
    if (event !== undefined) await storage.accept(event);
  });
}
