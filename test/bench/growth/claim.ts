import type { ClaimResult } from "imggo-webhooks";
import type { Filled } from "./filled.ts";
import { inTurn, type Took } from "./in-turn.ts";

/** How long a claim of 10 takes. What was claimed is given back. */
export async function benchClaim(
  filled: readonly Filled[],
  rounds: number,
): Promise<Record<string, Took[]>> {
  const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 1_000_000 };
  const measure = () =>
    inTurn(
      filled,
      rounds,
      (storage) => storage.claim(request),
      async (storage, called) => {
        const { claims } = called as ClaimResult;
        await Promise.all(claims.map((claim) => storage.settle(claim, { kind: "released" })));
      },
    );
  const alone = await measure();
  const ends = await Promise.all(filled.map(({ holdOpen }) => holdOpen()));
  const heldOpen = await measure();
  for (const end of ends) await end();
  return { "claim of 10": alone, "the same, a transaction held open": heldOpen };
}
