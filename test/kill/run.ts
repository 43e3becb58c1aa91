// Real servers under load, killed again and again: `npm run test:kill -- --rounds 1000`.
import process from "node:process";
import { parseArgs } from "node:util";
import { databasesOf, storageNames } from "./databases.ts";
import { type KillOutcome, killRounds } from "./kills.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "1000" },
    storage: { type: "string", default: "sqlite" },
    seed: { type: "string", default: "1" },
    rate: { type: "string", default: "200" },
  },
});
const [rounds, seed, rate] = [values.rounds, values.seed, values.rate].map(Number);
const storage = storageNames.find((name) => name === values.storage);
if (storage === undefined || !(rounds! > 0 && rate! > 0 && Number.isSafeInteger(seed))) {
  console.error(
    `Usage: npm run test:kill -- [--rounds <n>] [--storage ${storageNames.join("|")}] ` +
      "[--seed <n>] [--rate <requests a second>]",
  );
  process.exit(2);
}

const databases = await databasesOf(storage);
const report = (so: KillOutcome) =>
  console.log(
    `${so.rounds} of ${rounds} rounds: ${so.killed} kills, ${so.killedStarting} of them while ` +
      `starting; ${so.sent} requests, ${so.unanswered} without an answer; ${so.acknowledged} ` +
      `events acknowledged, ${so.stored} stored, ${so.runs} runs`,
  );
try {
  const { problems } = await killRounds({
    ...{ databases, rounds: rounds!, roundsPerDatabase: 25, seed: seed!, rate: rate!, report },
  });
  for (const problem of problems.slice(0, 20)) console.log(problem);
  console.log(problems.length === 0 ? "Nothing lost, nothing twice." : "Something went wrong.");
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await databases.dispose();
}
