// Run by Bun: `bun trace.ts <file> <command…>` runs a command, and writes to the file what each of
// its threads wrote and synced: {@linkcode SystemCall}s. Ends as the command does, and it with this.
import { spawn } from "node:child_process";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import process from "node:process";
import { callOf, goOn, nextStop, readMemory, seize, whyNot } from "./linux.ts";
import { type CallForm, callForms, type SystemCall } from "./system-call.ts";

const mostBytes = 8_192;

const [file = "", command = "", ...args] = process.argv.slice(2);
const forms = callForms(process.arch);

/** Traces all threads that a process has; those that it makes are traced by that. */
function attach(pid: number): void {
  if (!seize(pid)) {
    process.kill(pid, "SIGKILL");
    process.stderr.write(`${whyNot()}\n`);
    process.exit(1);
  }
  const seen = new Set([pid]);
  const unseen = () =>
    readdirSync(`/proc/${pid}/task`).map(Number).filter((thread) => !seen.has(thread));
  for (let threads = unseen(); threads.length > 0; threads = unseen()) {
    for (const thread of threads) {
      seen.add(thread);
      // One that was made meanwhile by a traced one is traced already.
      seize(thread);
    }
  }
}

function pathOf(thread: number, descriptor: bigint | undefined): string {
  try {
    return readlinkSync(`/proc/${thread}/fd/${descriptor}`);
  } catch {
    // The call will fail too: there is nothing open of this number.
    return "";
  }
}

function dataOf(thread: number, { data }: CallForm, values: readonly bigint[]): string {
  const [, address = 0n, length = 0n] = values;
  switch (data) {
    case "none":
      return "";
    case "buffer":
      return readMemory(thread, address, Math.min(Number(length), mostBytes)).toString("latin1");
    case "vector":
      return vectorData(thread, address, Number(length));
    case "message": {
      const header = readMemory(thread, address, 32);
      return vectorData(thread, header.readBigUInt64LE(16), Number(header.readBigUInt64LE(24)));
    }
  }
}

function vectorData(thread: number, address: bigint, count: number): string {
  const vector = readMemory(thread, address, 16 * count);
  let data = "";
  for (let at = 0; at < vector.length && data.length < mostBytes; at += 16) {
    const length = Math.min(Number(vector.readBigUInt64LE(at + 8)), mostBytes - data.length);
    data += readMemory(thread, vector.readBigUInt64LE(at), length).toString("latin1");
  }
  return data;
}

const { pid = 0 } = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
attach(pid);

const begun = new Map<number, Omit<SystemCall, "ended" | "result">>();
const lines: string[] = [];
let exitCode = 0;
let place = 0;
// A thread that stopped does nothing until it is let go on: so the order in which stops are seen here
// is the order of what they are about, whichever threads it happens in.
for (let stop = nextStop(); stop !== undefined; stop = nextStop()) {
  const { thread } = stop;
  if (stop.kind === "ended") {
    if (thread === pid) exitCode = stop.code;
    continue;
  }
  if (stop.kind === "call") {
    place++;
    const call = callOf(thread);
    const begunBefore = begun.get(thread);
    begun.delete(thread);
    if (call?.at === "exit" && begunBefore !== undefined) {
      const ended: SystemCall = { ...begunBefore, ended: place, result: call.result };
      lines.push(`${JSON.stringify(ended)}\n`);
    } else if (call?.at === "entry") {
      const form = forms.get(call.number);
      if (form !== undefined) {
        const { name } = form;
        const path = pathOf(thread, call.values[0]);
        begun.set(thread, {
          name,
          path,
          thread,
          began: place,
          data: dataOf(thread, form, call.values),
        });
      }
    }
  }
  goOn(thread, stop.kind === "signal" ? stop.signal : 0);
}
writeFileSync(file, lines.join(""));
process.exit(exitCode);
