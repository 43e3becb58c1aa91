import type { Expectation, Expectations } from "../expectations.ts";
import type { Access } from "./access.ts";
import type { Connection } from "./connection.ts";
import { afterOf, describeAsked, expectationPageOf } from "./expectation-rows.ts";

/** Keeps expectations in a file. */
export function createExpectations({ read, write, now }: Access): Expectations {
  return {
    add: ({ jobId, patternId, withinMs }) =>
      write((connection) => {
        const deadlineAt = Math.ceil(now() + withinMs);
        return connection.one("expect", jobId, patternId, deadlineAt) ? "waiting" : "fulfilled";
      }),
    async claim({ limit, leaseMs }) {
      // Most polls find nothing, and need no write lock to see it.
      if (!await read((connection) => connection.one("anyToAsk", now()))) return [];
      return await write((connection) => claim(connection, limit, leaseMs, now()));
    },
    postpone: (jobId, { afterMs, error }) =>
      write((connection) => {
        const askAt = afterMs === null ? null : Math.ceil(now() + afterMs);
        connection.run("postpone", askAt, error, jobId);
      }),
    list: ({ limit, cursor }) =>
      read((connection) =>
        // One more than asked for tells whether there is a next page.
        expectationPageOf(connection.all("expectations", ...afterOf(cursor), limit + 1), limit)
      ),
  };
}

function claim(
  connection: Connection,
  limit: number,
  leaseMs: number,
  time: number,
): readonly Expectation[] {
  const heldUntil = Math.ceil(time + leaseMs);
  const due = connection.all("toAsk", time, limit);
  connection.run("ask", time, limit, heldUntil);
  return due.map((row) => describeAsked(row, heldUntil));
}
