import { type Activity, activityNames, activityRetentionMs } from "../activity.ts";
import type { Query } from "./client.ts";
import { interval, milliseconds, timeOf } from "./values.ts";

interface Row extends Readonly<Record<(typeof activityNames)[number], number>> {
  readonly starts_at: number;
}

/** How often things happened lately, in the table of this schema. */
export function createActivity(query: Query, schema: string): Activity {
  const activity = `${schema}.activity`;
  const names = activityNames.join(", ");

  const statements = {
    // It waits for one row at the most, and passes over old ones that others delete: so that two
    // callers never wait for each other.
    add: `WITH old AS MATERIALIZED (
        SELECT starts_at FROM ${activity}
        WHERE starts_at < statement_timestamp() - ${interval("$1")} FOR UPDATE SKIP LOCKED
      ), forgotten AS (
        DELETE FROM ${activity} a USING old WHERE a.starts_at = old.starts_at
      )
      INSERT INTO ${activity} AS known (starts_at, ${names})
      VALUES (date_bin('1 minute', statement_timestamp(), to_timestamp(0)),
        ${activityNames.map((_, index) => `$${index + 2}::bigint`).join(", ")})
      ON CONFLICT (starts_at) DO UPDATE SET
        ${activityNames.map((name) => `${name} = known.${name} + excluded.${name}`).join(", ")}`,

    list: `SELECT ${milliseconds("starts_at")} AS starts_at,
        ${activityNames.map((name) => `${name}::float8 AS ${name}`).join(", ")}
      FROM ${activity} WHERE starts_at >= ${timeOf("$1")} ORDER BY 1`,
  };

  return {
    async add(counts) {
      const values = activityNames.map((name) => counts[name] ?? 0);
      await query(statements.add, [activityRetentionMs, ...values]);
    },

    async list(since) {
      const rows = await query<Row>(statements.list, [since]);
      return rows.map(({ starts_at: startsAt, ...counts }) => ({ startsAt, ...counts }));
    },
  };
}
