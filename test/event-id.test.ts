import { expect, test } from "vitest";
import { createEventId } from "../src/event-id.ts";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

test("createEventId() makes evt_ and 26 characters of a ULID in lower case", () => {
  for (let count = 0; count < 100; count++) {
    expect(createEventId(Date.now())).toMatch(/^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
  }
});

test("createEventId() writes the time as the ULID specification does", () => {
  // The specification's own sample: https://github.com/ulid/spec
  expect(createEventId(1_469_918_176_385).slice(4, 14)).toBe("01ARYZ6S41".toLowerCase());
  expect(createEventId(0).slice(4, 14)).toBe("0000000000");
  expect(createEventId(2 ** 48 - 1).slice(4, 14)).toBe("7zzzzzzzzz");
});

test("createEventId() makes ids that sort by their time", () => {
  const times = [0, 1, 31, 32, 1_023, 1_024, 1_700_000_000_000, 1_700_000_000_001, 2 ** 47];
  const ids = times.map(createEventId);
  expect([...ids].sort()).toEqual(ids);
});

test("createEventId() makes no id twice within a millisecond", () => {
  const ids = Array.from({ length: 10_000 }, () => createEventId(1_700_000_000_000));
  expect(new Set(ids).size).toBe(ids.length);
});

test("createEventId() uses every character at each of the 16 places of chance", () => {
  const seen = Array.from({ length: 16 }, () => new Set<string>());
  for (let count = 0; count < 2_000; count++) {
    [...createEventId(0).slice(14)].forEach((character, place) => seen[place]?.add(character));
  }
  for (const characters of seen) expect([...characters].sort().join("")).toBe(alphabet);
});
