// Asks npm's registry whether a production dependency has a known vulnerability: `npm run audit`.
// Ends with 1 where one has, and with 0, saying so, where the registry cannot be asked.
import { execFile } from "node:child_process";
import process from "node:process";
import { auditVerdict } from "./audit-verdict.ts";

const printed = await new Promise<string>((resolve) => {
  const args = ["audit", "--omit=dev", "--json"];
  execFile("npm", args, { timeout: 60_000, maxBuffer: 2 ** 26 }, (_, stdout) => resolve(stdout));
});
const { kind, text } = auditVerdict(printed);
process.stdout.write(`${text}\n`);
process.exitCode = kind === "vulnerable" ? 1 : 0;
