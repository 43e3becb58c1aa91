import { benchAccept } from "./growth/accept.ts";
import { benchClaim } from "./growth/claim.ts";
import { fillPostgres } from "./growth/fill-postgres.ts";
import { fillSqlite } from "./growth/fill-sqlite.ts";
import type { Filled, Filling } from "./growth/filled.ts";
import type { Took } from "./growth/in-turn.ts";
import { benchRead } from "./growth/read.ts";
import type { Part } from "./report.ts";
import type { Row, Table } from "./table.ts";

const rounds = 300;

/** How what a storage does grows with what is stored. */
export const benchGrowth: Part = async ({ options, progress }) => {
  const counts = [0, 10_000, 100_000, 1_000_000].filter((count) => count <= options.most);
  const tables: Table[] = [];
  const figures: Record<string, number> = {};
  for (const [name, fill] of Object.entries({ SQLite: fillSqlite, PostgreSQL: fillPostgres })) {
    const disposals: Filled["dispose"][] = [];
    const filledWith = async (filling: Filling) => {
      const filled: Filled[] = [];
      for (const count of counts) {
        const each = await fill(count, filling);
        disposals.push(each.dispose);
        filled.push(each);
      }
      return filled;
    };
    let found: Readonly<Record<string, readonly Took[]>>;
    try {
      const [pending, worked] = await Promise.all([filledWith("pending"), filledWith("worked")]);
      found = {
        ...await benchClaim(pending, rounds / 3),
        accept: await benchAccept(worked, rounds),
        ...await benchRead(worked, rounds / 10),
      };
    } finally {
      for (const dispose of disposals) await dispose();
    }
    progress(`${name}: growth measured`);
    tables.push({
      title: `Growth: ${name}, p50 (p99) in milliseconds with so many events stored`,
      rows: Object.entries(found).map(([what, took]) => ({ what, ...rowOf(took, counts) })),
    });
    if (name !== "SQLite") continue;
    for (const [index, count] of counts.entries()) {
      figures[`accept p99 ms at ${count}`] = found["accept"]?.[index]?.p99 ?? NaN;
    }
  }
  return { tables, figures };
};

function rowOf(took: readonly Took[], counts: readonly number[]): Row {
  return Object.fromEntries(
    took.map(({ p50, p99 }, index) => [
      `${Number(counts[index]).toLocaleString("en")} stored`,
      `${p50.toFixed(2)} (${p99.toFixed(2)})`,
    ]),
  );
}
