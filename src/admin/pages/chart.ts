import type { ActivityMinute, ActivityName } from "../../storage/activity.ts";
import { type Html, markup } from "./markup.ts";
import { several, whole } from "./text.ts";

const minuteMs = 60_000;

/** A time up to now, cut into bars of equal length. */
export interface Period {
  /** As a sentence names it: `last hour`. */
  readonly name: string;
  readonly bars: number;
  readonly minutesPerBar: number;
}

/** The periods that are drawn. */
export const periods: readonly Period[] = [
  { name: "last hour", bars: 60, minutesPerBar: 1 },
  { name: "last 24 hours", bars: 96, minutesPerBar: 15 },
];

const names: Readonly<Record<ActivityName, readonly [title: string, tone: string]>> = {
  accepted: ["Accepted", "busy"],
  duplicates: ["Duplicates", "quiet"],
  rejected: ["Rejected", "warn"],
  dead: ["Dead", "bad"],
};

const height = 40;

/** How often something happened in a period: in all, and as bars. */
export function chart(
  name: ActivityName,
  { name: periodName, bars, minutesPerBar }: Period,
  activity: readonly ActivityMinute[],
  now: number,
): Html {
  const barMs = minutesPerBar * minuteMs;
  const start = (Math.floor(now / barMs) + 1 - bars) * barMs;
  const counts = new Array<number>(bars).fill(0);
  for (const minute of activity) {
    const bar = Math.floor((minute.startsAt - start) / barMs);
    // One of a storage whose clock is ahead is of the last bar.
    if (bar >= 0) counts[Math.min(bar, bars - 1)]! += minute[name];
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  const most = Math.max(...counts);
  const [title, tone] = names[name];
  const step = minutesPerBar === 1 ? "a minute" : `in ${minutesPerBar} minutes`;
  const drawn = counts.map((count, index) => {
    if (count === 0) return null;
    const tall = Math.max(2, Math.round(count / most * height));
    const from = new Date(start + index * barMs).toISOString().slice(11, 16);
    return markup`<rect x="${index * 4}" y="${height - tall}" width="3" height="${tall}">
<title>${from} UTC: ${whole(count)}</title>
</rect>`;
  });
  return markup`<div class="chart ${total > 0 ? tone : "quiet"}">
<p><span class="soft">${title}</span><b>${whole(total)}</b></p>
<svg viewBox="0 0 ${
    bars * 4
  } ${height}" preserveAspectRatio="none" role="img" aria-label="${title}, ${periodName}: ${
    whole(total)
  }, at most ${
    several(
      most,
      "time",
      "times",
    )
  } ${step}">${drawn}</svg>
</div>`;
}
