import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The tests of what runs everywhere. */
const neutral: readonly string[] = [
  "test/backoff.test.ts",
  "test/body.test.ts",
  "test/event.test.ts",
  "test/imggo/jobs.test.ts",
  "test/imggo/patience.test.ts",
  "test/imggo/webhooks.test.ts",
  "test/signature.test.ts",
  "test/storage/memory.test.ts",
  "test/storage/sqlite.test.ts",
];

/** How a runtime runs vitest, and the tests of what only it has. */
interface Runtime {
  readonly command: readonly string[];
  readonly own: readonly string[];
}

const vitest = "node_modules/vitest/vitest.mjs";
const runtimes: Readonly<Record<string, Runtime>> = {
  bun: {
    // vitest's forks do not start under Bun.
    command: ["node_modules/.bin/bun", "--bun", vitest, "run", "--pool=threads"],
    own: ["test/storage/postgres.bun.test.ts"],
  },
  deno: {
    command: ["node_modules/.bin/deno", "run", "-A", "--node-modules-dir=manual", vitest, "run"],
    own: [
      "test/storage/deno-kv.deno.test.ts",
      "test/storage/deno-kv/between.deno.test.ts",
      "test/storage/deno-kv/faults.deno.test.ts",
      "test/storage/deno-kv/limits.deno.test.ts",
      "test/storage/deno-kv/processes.deno.test.ts",
      "test/storage/deno-kv/storm.deno.test.ts",
      "test/storage/deno-kv/version-before.deno.test.ts",
    ],
  },
};

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numFailedTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/**
 * Where the tests have their files: in memory, where there is room. On a disk most of the time goes by
 * in waiting for it to sync; and what they kill are processes, not the machine.
 */
async function folderForFiles(): Promise<string> {
  const memory = "/dev/shm";
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize > 2 ** 30 ? memory : tmpdir();
}

async function runTests(
  [command = "", ...args]: readonly string[],
  files: readonly string[],
  outputFile: string,
) {
  const options = ["--config", "test/vitest.config.ts", "--reporter=json"];
  const { PATH = "", HOME = "" } = process.env;
  const TMPDIR = await folderForFiles();
  return await new Promise<{ exitCode: unknown; output: string }>((resolve) => {
    execFile(
      join(root, command),
      [...args, ...options, `--outputFile=${outputFile}`, ...files],
      { cwd: root, env: { PATH, HOME, TMPDIR }, timeout: 150_000 },
      (error, stdout, stderr) =>
        resolve({ exitCode: error ? error.code ?? error.signal : 0, output: stdout + stderr }),
    );
  });
}

describe.concurrent("the tests that run everywhere, and those of a runtime's own", () => {
  test.each(Object.entries(runtimes))("pass under %s", async (_, { command, own }) => {
    const files = [...neutral, ...own];
    const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    try {
      const outputFile = join(folder, "report.json");
      const { exitCode, output } = await runTests(command, files, outputFile);
      const report: Report = JSON.parse(
        await readFile(outputFile, "utf8").catch((cause: unknown) => {
          throw new Error(`vitest wrote no report, ended with ${exitCode}:\n${output}`, { cause });
        }),
      );
      const { testResults, numFailedTests, numPassedTests } = report;
      const failures = testResults.flatMap(({ message, assertionResults }) => [
        ...message ? [message] : [],
        ...assertionResults.filter(({ status }) => status === "failed")
          .map(({ fullName, failureMessages }) => [fullName, ...failureMessages].join("\n")),
      ]);
      expect(failures).toEqual([]);
      expect(numFailedTests).toBe(0);
      expect(exitCode, output).toBe(0);
      // A file that is missing, or in which no test ran, is no failure to vitest.
      const passed = testResults
        .filter(({ assertionResults }) =>
          assertionResults.some(({ status }) => status === "passed")
        )
        .map(({ name }) => relative(root, name));
      expect(passed.sort()).toEqual(files.toSorted());
      expect(numPassedTests).toBeGreaterThan(150);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 180_000);
});
