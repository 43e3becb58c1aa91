import { expect, test } from "vitest";
import type { SystemCall } from "../support/system-calls/system-call.ts";
import { checkAnswers } from "./check-answers.ts";

const wal = "/data/events.db-wal";
const socket = "socket:[1]";

/** A call that ends before the next one begins, unless it says otherwise. */
type Step = Partial<SystemCall> & Pick<SystemCall, "name">;

const header = (last: boolean): Step => ({
  name: "pwrite64",
  data: `\0\0\0\x02\0\0\0${last ? "\x09" : "\0"}${"s".repeat(16)}`,
});
const page = (text: string): Step => ({ name: "pwrite64", data: text.padEnd(4_096, "\0") });
const transaction = (text: string): Step[] => [
  header(false),
  page("an index"),
  header(false),
  page(text),
  header(true),
  page("another index"),
];
const sync: Step = { name: "fdatasync" };
const answer = (id: string, path: string = socket): Step => ({
  name: "write",
  path,
  data: `HTTP/1.1 200 OK\r\ncontent-length: 52\r\n\r\n{"status":"received","id":"${id}"}`,
});

/** What the check finds in calls, one after another. */
function check(...steps: readonly Step[]) {
  const calls = steps.map(({ data = "", ...step }, index): SystemCall => ({
    path: wal,
    thread: 1,
    began: 10 * index,
    ended: 10 * index + 1,
    result: data.length,
    data,
    ...step,
  }));
  return checkAnswers(calls, wal);
}

test("checkAnswers() is content with answers after the sync of their transaction", () => {
  const stored = transaction("… evt_1 … evt_2 …");
  expect(check(...stored, sync, answer("evt_1"), answer("evt_2", "socket:[2]"))).toEqual({
    ids: ["evt_1", "evt_2"],
    syncs: 1,
    faults: [],
  });
});

test("checkAnswers() is content with a duplicate that is answered with an earlier event's id", () => {
  const { ids, faults } = check(
    ...transaction("evt_1"),
    sync,
    answer("evt_1"),
    ...transaction("evt_1, counted again"),
    answer("evt_1"),
  );
  expect({ ids, faults }).toEqual({ ids: ["evt_1", "evt_1"], faults: [] });
});

test("checkAnswers() puts an answer together that is written in parts", () => {
  const head: Step = { name: "writev", path: socket, data: "HTTP/1.1 200 OK\r\n\r\n" };
  const body: Step = { name: "sendmsg", path: socket, data: '{"id":"evt_1"}' };
  const other = { ...answer("evt_2", "socket:[2]") };
  const { ids, faults } = check(...transaction("evt_1 evt_2"), sync, head, other, body);
  expect({ ids, faults }).toEqual({ ids: ["evt_1", "evt_2"], faults: [] });
  const early = check(...transaction("evt_1"), head, sync, body);
  expect(early.faults).toEqual(["evt_1: no sync before its answer"]);
});

test("checkAnswers() heeds answers 200 only", () => {
  const refused: Step = { name: "write", path: socket, data: "HTTP/1.1 503 \r\n\r\n{}" };
  expect(check(refused)).toEqual({ ids: [], syncs: 0, faults: [] });
  const together = { ...answer("evt_1"), data: `${refused.data}${answer("evt_1").data}` };
  expect(check(together)).toMatchObject({ ids: ["evt_1"] });
});

const stored = transaction("evt_1");
const faulty: Readonly<Record<string, readonly Step[]>> = {
  "before the sync": [...stored, answer("evt_1"), sync],
  "without a sync": [...stored, answer("evt_1")],
  "after the sync of another file": [
    ...stored,
    { ...sync, path: "/data/events.db" },
    answer("evt_1"),
  ],
  "after a sync that failed": [...stored, { ...sync, result: -5 }, answer("evt_1")],
  "after a sync that has not ended": [...stored, { ...sync, ended: 1_000 }, answer("evt_1")],
  "after a sync that began before the last page was written": [
    ...stored.slice(0, -1),
    { ...sync, ended: 65 },
    ...stored.slice(-1),
    answer("evt_1"),
  ],
  "after the sync of the transaction before it": [
    ...transaction("evt_0"),
    sync,
    ...stored,
    answer("evt_1"),
  ],
  "before its transaction": [answer("evt_1"), ...stored, sync],
  "after pages without a commit": [...stored.slice(0, 4), sync, answer("evt_1")],
  "after a page that was not written whole": [
    ...stored.slice(0, -1),
    { ...page("another index"), result: 100 },
    sync,
    answer("evt_1"),
  ],
  "without having stored it": [...stored, sync, answer("evt_2")],
  "without its id": [...stored, sync, { name: "write", path: socket, data: "HTTP/1.1 200 OK" }],
};

test.each(Object.entries(faulty))("checkAnswers() objects to an answer %s", (_, steps) => {
  expect(check(...steps).faults).toHaveLength(1);
});

test("checkAnswers() says why", () => {
  expect(Object.values(faulty).map((steps) => check(...steps).faults[0])).toMatchInlineSnapshot(`
    [
      "evt_1: no sync before its answer",
      "evt_1: no sync before its answer",
      "evt_1: no sync before its answer",
      "evt_1: only a failed sync before its answer",
      "evt_1: no sync before its answer",
      "evt_1: no sync before its answer",
      "evt_1: no sync before its answer",
      "evt_1: answered before its transaction was written",
      "evt_1: no transaction in the WAL has it",
      "evt_1: no transaction in the WAL has it",
      "evt_2: no transaction in the WAL has it",
      "an answer 200 names no event: HTTP/1.1 200 OK",
    ]
  `);
});
