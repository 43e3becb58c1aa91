// Tags a version, which the workflow `release` then publishes: `npm run release -- <version>`. With
// `--dry-run` it does all but that. It ends with 1, saying all that is wrong, where anything is.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { refusals } from "./refusals.ts";

const { positionals: [version = ""], values } = parseArgs({
  allowPositionals: true,
  options: { "dry-run": { type: "boolean", default: false } },
});

const git = (...args: string[]) => execFileSync("git", args, { encoding: "utf8" }).trim();
const readManifest = (name: string) => JSON.parse(readFileSync(name, "utf8"));

git("fetch", "--quiet", "--tags", "origin", "main");
const npm = readManifest("package.json");
const found = refusals(version, {
  branch: git("rev-parse", "--abbrev-ref", "HEAD"),
  changes: git("status", "--porcelain"),
  isPushed: git("rev-parse", "HEAD") === git("rev-parse", "FETCH_HEAD"),
  tags: git("tag", "--list").split("\n"),
  versions: {
    "package.json": npm.version,
    "package-lock.json": readManifest("package-lock.json").version,
    "deno.json": readManifest("deno.json").version,
  },
  changelog: readFileSync("CHANGELOG.md", "utf8"),
  repository: npm.repository?.url,
});
if (found.length > 0) refuse(found);

if (spawnSync(".ci/run", { stdio: "inherit" }).status !== 0) refuse([".ci/run fails"]);
const left = git("status", "--porcelain");
if (left !== "") refuse([`.ci/run left changes:\n${left}`]);

const tag = `v${version}`;
if (values["dry-run"]) {
  process.stdout.write(`${tag} can be released.\n`);
} else {
  git("tag", "--annotate", tag, "--message", tag);
  git("push", "--quiet", "origin", tag);
  process.stdout.write(`${tag} is tagged and pushed: its workflow publishes it.\n`);
}

function refuse(reasons: readonly string[]): never {
  const lines = reasons.map((reason) => `- ${reason}\n`);
  process.stderr.write(`Nothing is released:\n${lines.join("")}`);
  process.exit(1);
}
