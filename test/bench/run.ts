// How claims and lists grow with what is stored: `npm run bench`.
import { parseArgs } from "node:util";
import { benchClaim } from "./claim.ts";
import { fillPostgres } from "./fill-postgres.ts";
import { fillSqlite } from "./fill-sqlite.ts";
import type { Fill, Filled, Filling } from "./filled.ts";
import { benchRead } from "./read.ts";

const { values: { few, many, rounds } } = parseArgs({
  options: {
    few: { type: "string", default: "1000" },
    many: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "500" },
  },
});

/** Works on a storage with few events and on one with many. */
async function withFilled(
  fill: Fill,
  filling: Filling,
  work: (filled: readonly Filled[]) => Promise<void>,
): Promise<void> {
  const filled: Filled[] = [];
  try {
    for (const count of [few, many]) filled.push(await fill(Number(count), filling));
    await work(filled);
  } finally {
    for (const { dispose } of filled) await dispose();
  }
}

for (const [name, fill] of Object.entries({ SQLite: fillSqlite, PostgreSQL: fillPostgres })) {
  await withFilled(fill, "pending", async (filled) => {
    console.log(`${name}: a claim of 10`);
    console.table(await benchClaim(filled, Number(rounds)));
    console.log(`${await filled.at(-1)?.claimPlan()}\n`);
  });
  await withFilled(fill, "worked", async (filled) => {
    console.log(`${name}: what operators look at`);
    console.table(await benchRead(filled, Math.ceil(Number(rounds) / 10)));
  });
}
