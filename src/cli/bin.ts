#!/usr/bin/env node
// The installed command. It loads the command line itself only where that can run: an older Node.js
// would end in an error about a module that it lacks.
import { readFileSync } from "node:fs";
import process from "node:process";
import { tooOldFor } from "./node-version.ts";

const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
const { name, engines } = JSON.parse(manifest);
const problem = tooOldFor(engines.node, process.versions.node);
if (problem === undefined) {
  await import("./main.ts");
} else {
  process.stderr.write(`${name} ${problem}\n`);
  process.exitCode = 2;
}
