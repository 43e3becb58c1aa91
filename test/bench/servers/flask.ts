import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { secret } from "../events.ts";
import { ask } from "./ask.ts";
import { freePort, startProgram } from "./program.ts";
import type { BenchServer } from "./server.ts";

// Debian's: what else is called python3 may not have its packages.
const python = "/usr/bin/python3";
const sample = fileURLToPath(new URL("flask_sample.py", import.meta.url));

/** The version of Flask and gunicorn; undefined where they are not installed. */
export function versionOfFlask(): Promise<string | undefined> {
  const code = "import flask, gunicorn; " +
    "print('Flask', flask.__version__ + ', gunicorn', gunicorn.__version__)";
  return existsSync(python) ? ask(python, "-W", "ignore", "-c", code) : Promise.resolve(undefined);
}

/** The Flask sample of the guide, by gunicorn with two of its plain workers. */
export const flaskSample: BenchServer = {
  name: "Flask sample, gunicorn, 2 workers",
  kind: "peer",
  async absent() {
    return await versionOfFlask() ? undefined : "apt install python3-flask gunicorn";
  },
  async start(folder) {
    const port = await freePort();
    const gunicorn = ["-m", "gunicorn.app.wsgiapp", "--workers", "2", "--bind"];
    const where = [`127.0.0.1:${port}`, "--chdir", dirname(sample), "flask_sample:app"];
    const env = { WEBHOOK_SECRET: secret, PYTHONDONTWRITEBYTECODE: "1" };
    const program = await startProgram([python, ...gunicorn, ...where], { folder, port, env });
    return {
      url: new URL(`http://127.0.0.1:${port}/webhook`),
      // At once, and its workers with it.
      stop: () => program.end("SIGINT"),
    };
  },
};
