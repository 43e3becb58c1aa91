import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const source = fileURLToPath(new URL("../src", import.meta.url));

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
    exclude: Object.entries({ Bun: "bun", Deno: "deno" })
      .filter(([runtime]) => !(runtime in globalThis))
      .map(([, name]) => `test/**/*.${name}.test.ts`),
    // Much of the time goes by in waiting for processes, also where there are but two cores.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});

export default config;
