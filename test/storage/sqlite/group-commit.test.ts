import { StorageError } from "imggo-webhooks";
import { expect, test } from "vitest";
import { createGroupCommit } from "../../../src/storage/sqlite/group-commit.ts";

/** Transactions over a list: what a transaction that throws has added is taken back. */
function setUp({ busyTimeoutMs = 1_000, onCommit = (_: number) => {} } = {}) {
  const stored: string[] = [];
  const commits: number[] = [];
  let locked = false;
  const write = createGroupCommit<string[]>({
    busyTimeoutMs,
    transact(work) {
      if (locked) throw new StorageError("busy", "locked");
      const before = stored.length;
      try {
        const result = work(stored);
        commits.push(stored.length - before);
        onCommit(commits.length);
        return result;
      } catch (error) {
        stored.length = before;
        throw error;
      }
    },
  });
  return { stored, commits, write, lock: (value: boolean) => (locked = value) };
}

const add = (item: string) => (list: string[]) => list.push(item);
const fail = (list: string[]) => {
  list.push("half");
  throw new Error("refused");
};

test("createGroupCommit() commits what comes together once, in order, with each one's result", async () => {
  const { stored, commits, write } = setUp();
  const results = await Promise.all(["a", "b", "c"].map((item) => write(add(item))));
  expect(results).toEqual([1, 2, 3]);
  expect(stored).toEqual(["a", "b", "c"]);
  expect(commits).toEqual([3]);
});

test("createGroupCommit() lets one that fails fail alone", async () => {
  const { stored, write } = setUp();
  const results = await Promise.allSettled([write(add("a")), write(fail), write(add("c"))]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(stored).toEqual(["a", "c"]);
});

test("createGroupCommit() commits more than a group in several", async () => {
  const { stored, commits, write } = setUp();
  await Promise.all(Array.from({ length: 600 }, (_, index) => write(add(String(index)))));
  expect(stored).toHaveLength(600);
  expect(commits).toEqual([256, 256, 88]);
});

test("createGroupCommit() commits once what one turn after another brings, and then at once", async () => {
  const { commits, write } = setUp();
  const writes: Promise<unknown>[] = [];
  const addInTurns = (count: number) => {
    if (count > 1) setImmediate(() => addInTurns(count - 1));
    writes.push(write(add(String(count))));
  };
  addInTurns(4);
  await writes[0];
  expect(commits).toEqual([4]);
  await write(add("alone"));
  expect(commits).toEqual([4, 1]);
});

test("createGroupCommit() waits for a lock, and for those that come meanwhile", async () => {
  const { stored, write, lock } = setUp();
  lock(true);
  const first = write(add("a"));
  // Comes when the first has met the lock.
  const second = new Promise<number>((resolve) =>
    setTimeout(() => {
      resolve(write(add("b")));
      lock(false);
    }, 20)
  );
  await Promise.all([first, second]);
  expect(stored).toEqual(["a", "b"]);
});

test("createGroupCommit() gives up on who waits too long, and on no one else", async () => {
  const { stored, write, lock } = setUp({ busyTimeoutMs: 100 });
  lock(true);
  const late = expect(write(add("late"))).rejects.toMatchObject({ code: "busy" });
  const aborted = expect(write(add("aborted"), AbortSignal.abort()))
    .rejects.toMatchObject({ code: "busy" });
  await aborted;
  await late;
  const patient = write(add("patient"));
  lock(false);
  await patient;
  expect(stored).toEqual(["patient"]);
});

test("createGroupCommit() runs nothing again that it has settled, where the lock comes between", async () => {
  const { stored, commits, write, lock } = setUp({
    onCommit(count) {
      // Another process takes it right after the first of them was committed alone.
      if (count > 1) return;
      lock(true);
      setTimeout(() => lock(false), 30);
    },
  });
  const results = await Promise.allSettled([write(add("a")), write(fail), write(add("c"))]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(stored).toEqual(["a", "c"]);
  expect(commits).toEqual([1, 1]);
});
