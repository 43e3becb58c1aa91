import { Miniflare } from "miniflare";
import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { runtimes } from "../support/process.ts";
import { bundle, bundleText } from "../support/workerd.ts";
import { secret } from "./events.ts";
import { median } from "./median.ts";
import type { Part } from "./report.ts";

const run = promisify(execFile);
const starts = 5;

/** What weighs where code is sent to the edge and started there. */
export const benchEdge: Part = async ({ folder, progress }) => {
  const { script } = await bundle("src/entry/cloudflare.ts");
  const { script: signature } = await bundleText('export * from "./src/signature.ts";');
  const empty = 'export default { fetch: () => new Response("{}") };';
  const kilobytes = (text: string) => gzipSync(text).byteLength / 1_000;

  const cold = { ours: [] as number[], empty: [] as number[] };
  const imports = { signature: [] as number[], empty: [] as number[] };
  for (let round = 0; round < starts; round++) {
    cold.empty.push(await firstAnswer(empty));
    cold.ours.push(await firstAnswer(script));
    imports.empty.push(await importing(folder, "export {};"));
    imports.signature.push(await importing(folder, signature));
  }
  progress("edge measured");
  return {
    tables: [{
      title: `Edge: medians of ${starts}`,
      rows: [
        { what: "Worker with D1, gzipped, kB", value: kilobytes(script).toFixed(2) },
        { what: "signature alone, gzipped, kB", value: kilobytes(signature).toFixed(2) },
        {
          what: "first answer of a new workerd, ms (of an empty Worker)",
          value: `${median(cold.ours).toFixed(0)} (${median(cold.empty).toFixed(0)})`,
        },
        {
          what: "import of signature on Node.js, ms (of an empty module)",
          value: `${median(imports.signature).toFixed(2)} (${median(imports.empty).toFixed(2)})`,
        },
      ],
    }],
    figures: { "Worker kB gzipped": kilobytes(script) },
  };
};

/** How long workerd takes from its start to the answer of a Worker, in milliseconds. */
async function firstAnswer(script: string): Promise<number> {
  const beganAt = performance.now();
  const miniflare = new Miniflare({
    cf: false,
    modules: true,
    script,
    compatibilityDate: "2026-06-01",
    bindings: { WEBHOOK_SECRET: secret, ROLE: "receiver" },
    d1Databases: { DB: "events" },
  });
  try {
    const response = await fetch(new URL("/healthz", await miniflare.ready));
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`a Worker answered ${response.status}`);
    return performance.now() - beganAt;
  } finally {
    await miniflare.dispose();
  }
}

/** How long Node.js takes to import a module, in milliseconds. */
async function importing(folder: string, code: string): Promise<number> {
  const file = join(await mkdtemp(join(folder, "import-")), "module.mjs");
  await writeFile(file, code);
  const measure = "const from = performance.now(); await import(process.argv[1]);" +
    "console.log(performance.now() - from)";
  const [node = ""] = runtimes.node;
  const args = ["--input-type=module", "--eval", measure, file];
  return Number((await run(node, args)).stdout);
}
