import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { atEnd } from "../ending.ts";

/** A server's process. */
export interface Program {
  readonly pid: number;
  /** Sends a signal, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** How a program is started. */
export interface ProgramOptions {
  /** Its working folder, where what it says of errors is kept too. */
  readonly folder: string;
  /** Where it is going to listen. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a server, whose log goes nowhere, and waits until it listens. */
export async function startProgram(
  [command = "", ...args]: readonly string[],
  { folder, port, env }: ProgramOptions,
): Promise<Program> {
  const { PATH = "", HOME = "" } = process.env;
  const errors = join(folder, "errors.txt");
  const descriptor = openSync(errors, "w");
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "ignore", descriptor],
  });
  closeSync(descriptor);
  let hasEnded = false;
  const ended = Promise.race([once(child, "exit"), once(child, "error")]).finally(() => {
    hasEnded = true;
  });
  const end = async (signal: NodeJS.Signals) => {
    if (!hasEnded) child.kill(signal);
    await ended.catch(() => {});
  };
  atEnd(() => end("SIGKILL"));
  const giveUpAt = performance.now() + 20_000;
  while (!await listens(port)) {
    if (!hasEnded && performance.now() < giveUpAt) continue;
    await end("SIGKILL");
    throw new Error(`${command} did not start: ${await readFile(errors, "utf8")}`);
  }
  return { pid: child.pid ?? 0, end };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return false;
  } finally {
    socket.destroy();
  }
}
