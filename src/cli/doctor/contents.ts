import type { StorageStats } from "../../storage/storage.ts";
import { commandName } from "../command-name.ts";
import { relativeTime } from "../../relative-time.ts";
import { type Check, type Finding, skipped } from "./check.ts";

const slowMs = 60_000;
const stuckMs = 300_000;

/** A check of what the storage counts. */
function counting(name: string, look: (stats: StorageStats) => Finding): Check {
  return {
    name,
    run: ({ stats }) =>
      stats === undefined ? skipped("There is no storage to look at.") : look(stats),
  };
}

/** Whether events are processed. */
export const backlogCheck: Check = counting("backlog", ({ deliveries, oldestDueAt }) => {
  const waiting = deliveries.pending + deliveries.running;
  const ageMs = oldestDueAt === null ? 0 : Date.now() - oldestDueAt;
  const due = oldestDueAt === null
    ? "none is due"
    : `the oldest was due ${relativeTime(oldestDueAt)}`;
  const message = `${count(waiting, "delivery", "deliveries")} to be run; ${due}.`;
  if (ageMs < slowMs) return { status: "ok", message };
  return {
    status: ageMs < stuckMs ? "warning" : "failed",
    message,
    advice:
      "Is a server running whose ROLE is not receiver, with processors of all the names that " +
      `\`${commandName} events list --delivery-state pending\` prints?`,
  };
});

/** Whether deliveries were given up. */
export const deadCheck: Check = counting("dead", ({ deliveries: { dead } }) => {
  if (dead === 0) return { status: "ok", message: "No delivery was given up." };
  return {
    status: "warning",
    message: `${count(dead, "delivery was", "deliveries were")} given up.`,
    advice: `\`${commandName} events list --delivery-state dead\` prints them, and ` +
      `\`${commandName} redrive\` runs them again.`,
  };
});

/** Whether results are missing. */
export const expectationsCheck: Check = counting("expectations", ({ expectations }) => {
  const { waiting, overdue } = expectations;
  if (overdue === 0) {
    return {
      status: "ok",
      message: `${count(waiting, "job is", "jobs are")} awaited, none overdue.`,
    };
  }
  return {
    status: "warning",
    message: `${count(overdue, "job's result is", "jobs' results are")} overdue.`,
    advice: `\`${commandName} reconcile\` asks ImgGo for them.`,
  };
});

/** Whether requests were refused for their signature. */
export const rejectionsCheck: Check = counting("rejections", ({ rejections }) => {
  if (rejections === 0) {
    return { status: "ok", message: "No refused request is kept." };
  }
  return {
    status: "warning",
    message: `${count(rejections, "request was", "requests were")} refused for the signature: is ` +
      "WEBHOOK_SECRET wrong?",
    advice:
      `If ImgGo sent them, correct it, and \`${commandName} rejections reverify\` takes them.`,
  };
});

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
