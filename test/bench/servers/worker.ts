import { Miniflare } from "miniflare";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { bundle } from "../../support/workerd.ts";
import { atEnd } from "../ending.ts";
import { secret } from "../events.ts";
import { storedIn } from "./ours.ts";
import type { BenchServer } from "./server.ts";

/** The Worker in workerd, with a D1 database in files. */
export const inWorkerd: BenchServer = {
  name: "ours: workerd, D1",
  kind: "ours",
  async start(folder) {
    const { script } = await bundle("src/entry/cloudflare.ts");
    const miniflare = new Miniflare({
      cf: false,
      host: "127.0.0.1",
      port: 0,
      modules: true,
      script,
      compatibilityDate: "2026-06-01",
      bindings: { WEBHOOK_SECRET: secret, ROLE: "receiver" },
      d1Databases: { DB: "events" },
      d1Persist: folder,
      // What it logs goes nowhere, as that of the others does.
      handleRuntimeStdio: (...streams: Readable[]) => streams.forEach((each) => each.resume()),
    });
    let hasEnded = false;
    const stop = async () => {
      if (!hasEnded) await miniflare.dispose();
      hasEnded = true;
    };
    atEnd(stop);
    return {
      url: new URL("/webhook", await miniflare.ready),
      stop,
      async stored() {
        const files = await readdir(folder, { recursive: true });
        const databases = files.filter((name) =>
          name.endsWith(".sqlite") && !name.endsWith("metadata.sqlite")
        );
        if (databases.length !== 1) throw new Error(`found ${files.join(", ")}`);
        return storedIn(join(folder, databases[0] ?? ""));
      },
    };
  },
};
