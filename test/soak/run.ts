// Servers under a steady load and every fault at a low rate, for hours: `npm run soak -- --hours 8`.
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { faultNames } from "./faults.ts";
import { isSound, report, summary } from "./report.ts";
import { soak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    hours: { type: "string", default: "0" },
    minutes: { type: "string", default: "0" },
    rate: { type: "string", default: "100" },
    "fault-every": { type: "string", default: "20" },
    report: { type: "string", default: join(tmpdir(), "imggo-webhooks-soak.html") },
  },
});
const seconds = 3_600 * Number(values.hours) + 60 * Number(values.minutes);
const rate = Number(values.rate);
const faultEverySeconds = Number(values["fault-every"]);
if (!(seconds > 0 && rate > 0 && faultEverySeconds > 0)) {
  console.error(
    "Usage: npm run soak -- --hours <n> | --minutes <n> [--rate <requests a second>] " +
      "[--fault-every <seconds>] [--report <file>]",
  );
  process.exit(2);
}
const outcome = await soak({ seconds, rate, faultEverySeconds, faults: faultNames, ownDisk: true });
await writeFile(values.report, report(outcome));
for (const [name, value] of summary(outcome)) console.log(`${name.padEnd(20)} ${value}`);
const wrong = [...outcome.verdict.lost, ...outcome.verdict.twice, ...outcome.problems];
for (const each of [...wrong, ...outcome.counts.wrong].slice(0, 20)) console.log(each);
console.log(`The report is in ${values.report}.`);
process.exit(isSound(outcome) ? 0 : 1);
