import type { Expectation, Expectations, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { followCursor, hour } from "./calls.ts";

type NewExpectation = Parameters<Expectations["add"]>[0];

/** Awaits a job for an hour, unless said otherwise. */
export async function awaitJob(
  storage: Storage,
  jobId: string,
  fields: Partial<NewExpectation> = {},
): Promise<"waiting" | "fulfilled"> {
  return await storage.expectations.add({ jobId, patternId: null, withinMs: hour, ...fields });
}

/** All that is awaited, the earliest deadline first. */
export async function awaited(storage: Storage, limit: number = 100): Promise<Expectation[]> {
  const pages = await followCursor((position) => storage.expectations.list({ limit, ...position }));
  for (const { expectations } of pages) expect(expectations.length).toBeLessThanOrEqual(limit);
  // No page leads to one with nothing in it.
  for (const { expectations } of pages.slice(1)) expect(expectations).not.toEqual([]);
  return pages.flatMap(({ expectations }) => expectations);
}
