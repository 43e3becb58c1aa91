import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { sqlOf, type StatementName } from "../../../src/storage/sqlite/all-statements.ts";
import { deliveriesOfFilteredPages } from "../../../src/storage/sqlite/list-statements.ts";
import { migrations } from "../../../src/storage/sqlite/schema.ts";

/** How SQLite finds what a statement is about. */
function planner() {
  const database = new DatabaseSync(":memory:");
  onTestFinished(() => database.close());
  for (const statement of migrations.flat()) database.exec(statement);
  return (sql: string) =>
    database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => `${detail}`);
}

const tables = "events|keys|deliveries|expectations|rejections";
/** Steps that read a whole table, and not only an index of it. */
const wholeTable = new RegExp(`^SCAN (?:${tables})\\b(?! USING COVERING INDEX)`);

const firstSteps: Readonly<Partial<Record<StatementName, RegExp>>> = {
  everyEvent: /SEARCH events USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?\)/,
  received:
    /SEARCH events USING COVERING INDEX events_received \(received_at>\? AND received_at<\?\)/,
  ofState: /COVERING INDEX events_state \(state=\? AND rowid>\? AND rowid<\?\)/,
  ofPattern: /COVERING INDEX events_pattern \(pattern_id=\? AND rowid>\? AND rowid<\?\)/,
  ofOtherName: /COVERING INDEX events_other_name \(event=\? AND rowid>\? AND rowid<\?\)/,
  ofJob:
    /keys USING PRIMARY KEY \(key=\?\)[^]*INDEX events_job \(job_id=\?[^]*INDEX events_other_job \(job_id=\? AND rowid>\? AND/,
  findOfJob: /keys USING PRIMARY KEY \(key=\?\)[^]*INDEX events_job \(job_id=\?/,
  expect: /keys USING PRIMARY KEY \(key=\?\)[^]*INDEX events_job \(job_id=\?/,
  withDeliveries: /SEARCH deliveries USING PRIMARY KEY \(event_seq>\? AND event_seq<\?\)/,
  withOpenOnes: /SCAN deliveries USING COVERING INDEX deliveries_due/,
  withDeadOnes: /COVERING INDEX deliveries_dead_event \(event_seq>\? AND event_seq<\?\)/,
  countDead: /^SEARCH deliveries USING COVERING INDEX deliveries_dead \(due_at>\? AND due_at<\?\)/,
  countDeadOfError:
    /^SEARCH deliveries USING COVERING INDEX deliveries_dead_error \(last_error=\? AND due_at>\?/,
  redriveOfError: /^SEARCH deliveries[^]*deliveries_dead_error \(last_error=\? AND due_at>\?/,
  redrive: /^SEARCH deliveries USING PRIMARY KEY \(event_seq=\? AND processor=\?\)/,
  expectations: /^SEARCH expectations USING INDEX expectations_deadline \(deadline_at>\?\)$/,
  toAsk: /^SEARCH expectations USING INDEX expectations_ask \(ask_at<\?\)$/,
};

test("lists and redriving look at indexes, and at a bounded part of a table", () => {
  const plan = planner();
  for (const [name, firstStep] of Object.entries(firstSteps)) {
    const steps = plan(sqlOf[name as StatementName]);
    expect(steps.join("\n")).toMatch(firstStep);
    expect(steps.filter((step) => wholeTable.test(step))).toEqual([]);
    // The events of a page are looked up one by one.
    const deliveries = deliveriesOfFilteredPages[`${name}Deliveries` as never] as string;
    if (deliveries) expect(plan(deliveries).filter((step) => wholeTable.test(step))).toEqual([]);
  }
});

test("the sizes of what a list may look at are counted on indexes", () => {
  const steps = planner()(sqlOf.sizes).filter((step) => /(?:events|deliveries) /.test(step));
  expect(steps).toHaveLength(5);
  expect(steps.filter((step) => !step.includes("COVERING INDEX"))).toEqual([]);
});

test("deadGroups() finds the last of the dead without sorting them all", () => {
  const steps = planner()(sqlOf.deadGroups);
  expect(steps).toContain("SCAN deliveries USING INDEX deliveries_dead");
  // Of the groups, and not of what they are made of.
  expect(steps.filter((step) => step.includes("TEMP B-TREE")))
    .toEqual(["USE TEMP B-TREE FOR GROUP BY", "USE TEMP B-TREE FOR ORDER BY"]);
});

test("stats() counts on indexes; deliveries are small", () => {
  const steps = planner()(sqlOf.stats);
  expect(steps.filter((step) => wholeTable.test(step))).toEqual(["SCAN deliveries"]);
  expect(steps.filter((step) => /^SEARCH (?!queues)(?!.*COVERING INDEX)/.test(step))).toEqual([]);
});
