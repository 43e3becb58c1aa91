import { expect, test, vi } from "vitest";
import { isRefusedAlone, noExperience } from "../../../src/storage/spool/experience.ts";

test("isRefusedAlone() takes an event for refused that failed while others were taken, again and again", async () => {
  const experience = noExperience();
  const takesAnother = vi.fn(() => Promise.resolve(true));
  const asked = async () => [
    await isRefusedAlone(experience, "evt_1", takesAnother),
    takesAnother.mock.calls.length,
  ];
  for (let count = 0; count < 4; count++) expect(await asked()).toEqual([false, 0]);
  for (let count = 1; count < 5; count++) expect(await asked()).toEqual([false, count]);
  expect(await asked()).toEqual([true, 5]);
});

test("isRefusedAlone() takes none for refused where the storage takes no other", async () => {
  const experience = noExperience();
  for (let count = 0; count < 100; count++) {
    expect(await isRefusedAlone(experience, "evt_1", () => Promise.resolve(false))).toBe(false);
  }
});

test("isRefusedAlone() begins anew with another event", async () => {
  const experience = noExperience();
  const takesAnother = () => Promise.resolve(true);
  for (let count = 0; count < 8; count++) await isRefusedAlone(experience, "evt_1", takesAnother);
  expect(await isRefusedAlone(experience, "evt_2", takesAnother)).toBe(false);
  for (let count = 0; count < 8; count++) {
    expect(await isRefusedAlone(experience, "evt_1", takesAnother)).toBe(false);
  }
  expect(await isRefusedAlone(experience, "evt_1", takesAnother)).toBe(true);
});
