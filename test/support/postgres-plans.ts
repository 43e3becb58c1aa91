import type pg from "pg";
import { expect } from "vitest";

/** A node of a plan, as EXPLAIN gives it in JSON. */
export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows"?: number;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** What a statement does, undone. */
export async function explain(
  database: pg.Pool,
  statement: string,
  values: readonly unknown[],
): Promise<readonly PlanNode[]> {
  const client = await database.connect();
  try {
    await client.query("BEGIN");
    const { rows } = await client.query(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`,
      [...values],
    );
    await client.query("ROLLBACK");
    const root: PlanNode = rows[0]["QUERY PLAN"][0].Plan;
    const all = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(all)];
    return all(root);
  } finally {
    client.release();
  }
}

/** No table is read as a whole, and nothing sorts or hashes more rows than come out. */
export function expectFewRows(nodes: readonly PlanNode[], most = 100): void {
  const tables = ["events", "keys", "deliveries", "expectations", "rejections"];
  expect(
    nodes.filter((node) =>
      node["Node Type"] === "Seq Scan" && tables.includes(node["Relation Name"] ?? "")
    ),
  ).toEqual([]);
  for (const node of nodes) expect(node["Actual Rows"]).toBeLessThanOrEqual(most);
}

/** How many pages were read to find what is due. */
export function pagesRead(nodes: readonly PlanNode[]): number {
  const scan = nodes.find((node) => node["Index Name"] === "deliveries_due");
  return (scan?.["Shared Hit Blocks"] ?? NaN) + (scan?.["Shared Read Blocks"] ?? NaN);
}
