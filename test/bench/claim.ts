import type { ClaimResult } from "imggo-webhooks";
import type { Filled } from "./filled.ts";
import { inTurn, type Row } from "./in-turn.ts";

/** How long a claim of 10 takes. What was claimed is given back. */
export async function benchClaim(
  filled: readonly Filled[],
  rounds: number,
): Promise<Record<string, Row>> {
  const table: Record<string, Row> = {};
  const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 1_000_000 };
  const measure = async (what: string) => {
    const rows = await inTurn(
      filled,
      rounds,
      (storage) => storage.claim(request),
      async (storage, called) => {
        const { claims } = called as ClaimResult;
        if (claims.length !== 10) throw new Error(`claimed ${claims.length} of 10`);
        await Promise.all(claims.map((claim) => storage.settle(claim, { kind: "released" })));
      },
    );
    for (const [index, row] of rows.entries()) {
      table[`${filled[index]?.count} pending${what}`] = row;
    }
  };
  await measure("");
  const ends = await Promise.all(filled.map(({ holdOpen }) => holdOpen()));
  await measure(", a transaction held open");
  for (const end of ends) await end();
  return table;
}
