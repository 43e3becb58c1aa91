import { fileURLToPath } from "node:url";
import { runtimes } from "../../support/process.ts";
import { secret } from "../events.ts";
import { freePort, startProgram } from "./program.ts";
import type { BenchServer } from "./server.ts";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A server on Node.js in one file, which stores nothing. */
function onNode(name: string, kind: BenchServer["kind"], file: string): BenchServer {
  return {
    name,
    kind,
    async start(folder) {
      const port = await freePort();
      const env = { PORT: String(port), WEBHOOK_SECRET: secret };
      const program = await startProgram([...runtimes.node, file], { folder, port, env });
      return {
        url: new URL(`http://127.0.0.1:${port}/webhook`),
        pid: program.pid,
        stop: () => program.end("SIGKILL"),
      };
    },
  };
}

/** A bare `node:http` server that checks the signature by `node:crypto`. */
export const floor: BenchServer = onNode(
  "floor: node:http, createHmac",
  "floor",
  path("floor-process.ts"),
);

/** The Express sample of the guide. */
export const expressSample: BenchServer = onNode(
  "Express sample",
  "peer",
  path("express-process.mjs"),
);
