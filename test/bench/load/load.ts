import type { Slice } from "../events.ts";
import { autocannon } from "./autocannon.ts";
import { hasWrk, wrk } from "./wrk.ts";

/** How many connections a load keeps open. */
export const connections = 64;

/** What a load did. */
export interface Loaded {
  /** Answers 200 a second. */
  readonly perSecond: number;
  /** Answers 200. */
  readonly accepted: number;
  /** Other answers, and connections that broke. */
  readonly failed: number;
  /** From a request to its answer, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Posts events by 64 connections, each as soon as it has the last one's answer. */
export interface Load {
  readonly name: "wrk" | "autocannon";
  run(url: URL, slice: Slice, seconds: number): Promise<Loaded>;
}

/** The one that loads harder, where it is installed. */
export async function pickLoad(): Promise<Load> {
  return await hasWrk() ? wrk : autocannon;
}
