/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { onTestFinished } from "vitest";
import { faultyKv } from "../../support/faulty-kv.ts";
import { leftKeys } from "../../support/left-keys.ts";
import { testClock } from "../contract.ts";

/** What goes wrong with a commit; of a function, what another process does just before it. */
type Fault = "throws before" | "throws after" | "conflicts" | (() => Promise<unknown>);

/** A storage whose next commits go wrong as `faults` says: those without a fault there do not. */
export async function openFaulty() {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const clock = testClock();
  const faults: (Fault | undefined)[] = [];
  const faulty = faultyKv(kv, async (commit) => {
    const fault = faults.shift();
    if (fault === "conflicts") return { ok: false };
    if (typeof fault === "function") await fault();
    const result = fault === "throws before" ? undefined : await commit();
    if (result && fault !== "throws after") return result;
    throw new TypeError("the connection was lost");
  });
  const keys = (prefix?: Deno.KvKey) => leftKeys(kv, prefix);
  return {
    kv,
    faults,
    keys,
    storage: denoKvStorage(faulty, clock),
    sound: denoKvStorage(kv, clock),
    advance: clock.advance,
  };
}
