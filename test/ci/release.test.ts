import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Checkout, refusals } from "../../.ci/refusals.ts";
import { root, runtimes, startProcess } from "../support/process.ts";

const changelog = "# Changelog\n\n## 0.2.0 - 2026-11-24\n\n### Added\n\n- Something.\n";
const clean: Checkout = {
  branch: "main",
  changes: "",
  isPushed: true,
  tags: ["v0.1.0"],
  versions: { "package.json": "0.2.0", "package-lock.json": "0.2.0", "deno.json": "0.2.0" },
  changelog,
  repository: "https://example.com/repository.git",
};

describe("refusals()", () => {
  test("has nothing against a clean checkout of main whose files say the version", () => {
    expect(refusals("0.2.0", clean)).toEqual([]);
  });

  test.each<[string, Partial<Checkout>, string]>([
    ["an unclean tree", { changes: "?? left.txt" }, "the tree is not clean:\n?? left.txt"],
    ["another branch", { branch: "feature" }, "the branch is feature, not main"],
    ["an unpushed commit", { isPushed: false }, "the last commit is not that of origin's main"],
    ["a tag that is there", { tags: ["v0.2.0"] }, "the tag v0.2.0 is there already"],
    [
      "a file of another version",
      { versions: { ...clean.versions, "deno.json": "0.1.0" } },
      "deno.json says version 0.1.0, not 0.2.0",
    ],
    ["a missing repository", { repository: undefined }, "package.json has no repository, which"],
    ["an entry that is missing", { changelog: "## 0.1.0 - 2026-01-01\n- A." }, "CHANGELOG.md has"],
    ["an entry without a date", { changelog: "## 0.2.0\n- A." }, "CHANGELOG.md has no entry"],
    ["an empty entry", { changelog: "## 0.2.0 - 2026-11-24\n" }, "CHANGELOG.md has no entry"],
  ])("names %s", (_, change, reason) => {
    expect(refusals("0.2.0", { ...clean, ...change })).toEqual([expect.stringContaining(reason)]);
  });

  test.each(["", "v0.2.0", "0.2", "latest"])("takes no %j for a version", (version) => {
    expect(refusals(version, clean)).toEqual([expect.stringContaining("expected a version")]);
  });
});

describe("npm run release", () => {
  let folder: string;
  let checkout: string;

  const git = (cwd: string, ...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], {
      cwd,
      encoding: "utf8",
    });

  // With it a tag has an author where nobody has said who that is.
  const env = { GIT_COMMITTER_NAME: "a", GIT_COMMITTER_EMAIL: "a@example.com" };
  const release = (...args: string[]) =>
    startProcess([...runtimes.node, join(root, ".ci/release.ts"), ...args], { cwd: checkout, env });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    checkout = join(folder, "checkout");
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git");
    git(folder, "clone", "--quiet", "origin.git", "checkout");
    const manifest = JSON.stringify({ version: "0.2.0", repository: { url: clean.repository } });
    for (const name of ["package.json", "package-lock.json", "deno.json"]) {
      await writeFile(join(checkout, name), manifest);
    }
    await writeFile(join(checkout, "CHANGELOG.md"), changelog);
    await mkdir(join(checkout, ".ci"));
    const checks = "#!/bin/sh\necho checked; test ! -e .git/fails\n";
    await writeFile(join(checkout, ".ci/run"), checks, { mode: 0o755 });
    git(checkout, "checkout", "--quiet", "-B", "main");
    git(checkout, "add", "--all");
    git(checkout, "commit", "--quiet", "--message", "All");
    git(checkout, "push", "--quiet", "origin", "main");
  });
  afterAll(() => rm(folder, { recursive: true }));

  const publishedTags = () => git(join(folder, "origin.git"), "tag", "--list").trim();

  test("refuses an unclean tree before it checks anything", async () => {
    const left = join(checkout, "left.txt");
    await writeFile(left, "");
    const refused = release("0.2.0");
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain("the tree is not clean:\n?? left.txt");
    expect(refused.output()).not.toContain("checked");
    await rm(left);
  });

  test("refuses what fails the checks", async () => {
    const fails = join(checkout, ".git/fails");
    await writeFile(fails, "");
    const refused = release("0.2.0");
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain(".ci/run fails");
    await rm(fails);
    expect(publishedTags()).toBe("");
  });

  test("with --dry-run only says that all is well", async () => {
    const tried = release("0.2.0", "--dry-run");
    expect(await tried.ended, tried.output()).toBe(0);
    expect(tried.output()).toContain("checked\nv0.2.0 can be released.");
    expect(publishedTags()).toBe("");
  });

  test("tags the version and pushes the tag, once", async () => {
    const released = release("0.2.0");
    expect(await released.ended, released.output()).toBe(0);
    expect(publishedTags()).toBe("v0.2.0");
    const again = release("0.2.0");
    expect(await again.ended).toBe(1);
    expect(again.output()).toContain("the tag v0.2.0 is there already");
  });
});
