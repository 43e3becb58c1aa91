import { build } from "esbuild";
import { Miniflare } from "miniflare";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describeEntry, secret } from "./contract.ts";

describeEntry("the handler in workerd", async (forwardUrl) => {
  const bundle = await build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
  });
  const output: string[] = [];
  const miniflare = new Miniflare({
    cf: false,
    host: "127.0.0.1",
    port: 0,
    handleRuntimeStdio(stdout: Readable, stderr: Readable) {
      for (const stream of [stdout, stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => output.push(text));
      }
    },
    workers: [{
      name: "receiver",
      modules: true,
      script: bundle.outputFiles[0]?.text ?? "",
      compatibilityDate: "2026-06-01",
      bindings: { WEBHOOK_SECRET: secret, FORWARD_URL: forwardUrl },
    }],
  });
  const url = await miniflare.ready;
  return {
    url: new URL("/webhook", url).href,
    output: () => output.join(""),
    stop: () => miniflare.dispose(),
  };
});
