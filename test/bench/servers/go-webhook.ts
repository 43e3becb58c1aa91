import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { secret } from "../events.ts";
import { ask } from "./ask.ts";
import { freePort, startProgram } from "./program.ts";
import type { BenchServer } from "./server.ts";

/** Its version; undefined where it is not installed. */
export async function versionOfGoWebhook(): Promise<string | undefined> {
  const said = await ask("webhook", "-version");
  return /^webhook version (\S+)/.exec(said ?? "")?.[1];
}

const signed = {
  match: {
    type: "payload-hmac-sha256",
    secret,
    parameter: { source: "header", name: "X-ImgGo-Signature" },
  },
};
const never = {
  match: { type: "value", value: "never", parameter: { source: "header", name: "X-Never" } },
};

function goWebhook(name: string, rule: object): BenchServer {
  return {
    name,
    kind: "peer",
    async absent() {
      return await versionOfGoWebhook() ? undefined : "apt install webhook";
    },
    async start(folder) {
      const hook = {
        id: "imggo",
        "http-methods": ["POST"],
        "execute-command": "/bin/true",
        "response-message": "received",
        "trigger-rule": rule,
      };
      const hooks = join(folder, "hooks.json");
      await writeFile(hooks, JSON.stringify([hook]));
      const port = await freePort();
      const where = ["-ip", "127.0.0.1", "-port", String(port), "-hooks", hooks];
      const program = await startProgram(["webhook", ...where], { folder, port });
      return {
        url: new URL(`http://127.0.0.1:${port}/hooks/imggo`),
        pid: program.pid,
        stop: () => program.end("SIGKILL"),
      };
    },
  };
}

/** As it is used: it answers, and runs a command for each event, here one that does nothing. */
export const webhookRunning: BenchServer = goWebhook("Go webhook, runs /bin/true", signed);

/** Without what it is for: a second condition, checked after the signature, keeps it from running. */
export const webhookIdle: BenchServer = goWebhook("Go webhook, runs nothing", {
  and: [signed, never],
});
