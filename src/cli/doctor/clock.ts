import { isPrivateHost } from "../../processor/private-host.ts";
import { type Check, skipped } from "./check.ts";
import { attempt } from "./situation.ts";

const timeoutMs = 5_000;
const mostMs = 30_000;

/** Whether this machine's clock is right, by that of others. */
export const clockCheck: Check = {
  name: "clock",
  async run({ imggo, url }) {
    // What is private may well be this machine.
    const isElsewhere = url !== undefined && !isPrivateHost(url.hostname);
    const asked = [imggo?.baseUrl ?? [], isElsewhere ? url.href : []].flat();
    for (const place of asked) {
      const [aheadMs] = await attempt(() => aheadOf(place));
      if (aheadMs === undefined) continue;
      const { host } = new URL(place);
      if (Math.abs(aheadMs) <= mostMs) {
        return { status: "ok", message: `The clock is that of ${host}.` };
      }
      const seconds = Math.round(Math.abs(aheadMs) / 1_000);
      return {
        status: "warning",
        message: `The clock is ${seconds} s ${
          aheadMs > 0 ? "ahead of" : "behind"
        } that of ${host}.`,
        advice: "Let this machine keep its time by NTP.",
        fields: { ahead_ms: Math.round(aheadMs) },
      };
    }
    return skipped("Nobody whose clock could be compared answers.");
  },
};

/** By how many milliseconds this machine's clock is ahead. */
async function aheadOf(place: string): Promise<number | undefined> {
  const sentAt = Date.now();
  const response = await fetch(place, {
    method: "HEAD",
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  const halfWay = (sentAt + Date.now()) / 2;
  // It names a whole second, of which half has passed on average.
  const theirs = Date.parse(response.headers.get("Date") ?? "") + 500;
  return Number.isNaN(theirs) ? undefined : halfWay - theirs;
}
