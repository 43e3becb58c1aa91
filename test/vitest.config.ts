import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const source = fileURLToPath(new URL("../src", import.meta.url));

// Begun last, one of them would run alone in the end.
const longest = [
  "runtimes",
  "sim/simulation",
  "storage/d1",
  "storage/postgres",
  "entry/processes",
  "entry/spool",
  "kill/kills",
]
  .map((name) => `/test/${name}.test.ts`);

// Tests with one of these in their name need something that others lack: Bun's own client of
// PostgreSQL, Deno KV, Linux's way to trace the system calls of a process.
const only: Readonly<Record<string, boolean>> = {
  bun: "Bun" in globalThis,
  deno: "Deno" in globalThis,
  linux: process.platform === "linux",
};

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      longest.some((name) => moduleId.endsWith(name));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const config: ViteUserConfig = defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  resolve: {
    alias: [
      { find: /^imggo-webhooks$/, replacement: `${source}/index.ts` },
      { find: "imggo-webhooks/cloudflare", replacement: `${source}/entry/cloudflare.ts` },
      { find: /^imggo-webhooks\/(.*)$/, replacement: `${source}/$1.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: Object.entries(only)
      .filter(([, here]) => !here)
      .map(([name]) => `test/**/*.${name}.test.ts`),
    // To load everything anew takes most of the files longer than their tests.
    isolate: false,
    setupFiles: ["test/support/leave-nothing.ts", "test/support/patience.ts"],
    // Much of the time goes by in waiting for processes, also where there are but two cores.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // Where everything runs at once, a process may take seconds to start.
    expect: { poll: { timeout: 10_000 } },
  },
});

export default config;
