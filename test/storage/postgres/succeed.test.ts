import { expect, test } from "vitest";
import { createSucceed } from "../../../src/storage/postgres/succeed.ts";
import { createQueue } from "../../support/queue.ts";

/** A statement that is under way. */
interface Statement {
  readonly fences: readonly number[];
  readonly resolve: (held: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
}

function setUp() {
  const statements = createQueue<Statement>();
  const succeed = createSucceed((leases) =>
    new Promise((resolve, reject) => {
      const fences = (leases as { readonly fence: number }[]).map(({ fence }) => fence);
      statements.push({ fences, resolve, reject });
    })
  );
  return {
    statements,
    succeed: (fence: number) => succeed({ eventId: "evt_1", processor: "a", fence }),
  };
}

test("createSucceed() lets one alone wait for nothing, nor a second", async () => {
  const { statements, succeed } = setUp();
  const one = succeed(1);
  const first = await statements.next();
  const two = succeed(2);
  const second = await statements.next();
  expect([first.fences, second.fences]).toEqual([[1], [2]]);
  second.resolve([]);
  first.resolve([0]);
  expect(await Promise.all([one, two])).toEqual([true, false]);
});

test("createSucceed() records by one statement what waits, each with its own answer", async () => {
  const { statements, succeed } = setUp();
  const early = [succeed(1), succeed(2)];
  const both = await statements.next();
  expect(both.fences).toEqual([1, 2]);
  const other = succeed(3);
  const third = await statements.next();
  const late = Array.from({ length: 120 }, (_, index) => succeed(100 + index));
  both.resolve([1]);
  expect(await Promise.all(early)).toEqual([false, true]);
  const group = await statements.next();
  expect(group.fences).toHaveLength(100);
  group.resolve(group.fences.map((_, place) => place).filter((place) => place !== 7));
  const rest = await statements.next();
  expect(rest.fences).toEqual(Array.from({ length: 20 }, (_, index) => 200 + index));
  rest.resolve([...rest.fences.keys()]);
  third.resolve([0]);
  expect(await Promise.all([other, ...late])).toEqual([
    true,
    ...late.map((_, index) => index !== 7),
  ]);
});

test("createSucceed() rejects what a statement that fails was to record, and no other", async () => {
  const { statements, succeed } = setUp();
  const failed = [succeed(1), succeed(2)];
  const first = await statements.next();
  const later = succeed(3);
  first.reject(new Error("no answer"));
  (await statements.next()).resolve([0]);
  for (const each of await Promise.allSettled(failed)) {
    expect(each).toMatchObject({ status: "rejected", reason: { message: "no answer" } });
  }
  expect(await later).toBe(true);
  const again = succeed(1);
  (await statements.next()).resolve([0]);
  expect(await again).toBe(true);
});
