import { readFileSync } from "node:fs";
import process from "node:process";
import { defineConfig, mergeConfig, type ViteUserConfig } from "vitest/config";
import base from "../vitest.config.ts";
import { mutate } from "./mutants.ts";

// Set by `run.ts`. The change is made where a test loads the file: nothing on the disk is touched.
const { path, ...change } = JSON.parse(process.env["MUTANT"] ?? "{}");

const config: ViteUserConfig = mergeConfig(
  base,
  defineConfig({
    plugins: [{
      name: "mutant",
      enforce: "pre",
      load: (id) => id === path ? mutate(readFileSync(id, "utf8"), change) : undefined,
    }],
    // What a change lets hang is noticed by that, sooner.
    test: { bail: 1, maxWorkers: 1, testTimeout: 10_000, fsModuleCache: false },
  }),
);

export default config;
