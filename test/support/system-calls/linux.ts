// What a tracer asks of Linux, by Bun's way to call C.
import { dlopen, ptr, read } from "bun:ffi";
import { existsSync } from "node:fs";

// glibc's, or musl's.
const library = ["libc.so.6", "libc.so"].find(opens) ?? "libc.so.6";
const c = dlopen(library, {
  ptrace: { args: ["i64", "i32", "ptr", "ptr"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  process_vm_readv: { args: ["i32", "ptr", "u64", "ptr", "u64", "u64"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
}).symbols;

function opens(name: string): boolean {
  try {
    dlopen(name, { waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" } });
    return true;
  } catch {
    return false;
  }
}

// <sys/ptrace.h>, <linux/ptrace.h>, <sys/wait.h>, <errno.h>
const seizeRequest = 0x4206;
const interruptRequest = 0x4207;
const syscallRequest = 24;
const syscallInfoRequest = 0x420e;
const options = 0x1 /* mark the stops of calls */ | 0x2 | 0x4 |
  0x8 /* follow fork, vfork, clone */ |
  0x10_0000 /* end with the tracer */;
const allChildren = 0x4000_0000;
const interrupted = 4;
const trap = 5;

const errno = () => read.i32(c.__errno_location(), 0);

/** Starts to trace a thread. False: it cannot be, such as when it is traced already. */
export function seize(thread: number): boolean {
  if (c.ptrace(seizeRequest, thread, 0, options) !== 0) return false;
  c.ptrace(interruptRequest, thread, 0, 0);
  return true;
}

/** Lets a thread that stopped go on to its next call, with a signal if there is one for it. */
export function goOn(thread: number, signal: number): void {
  c.ptrace(syscallRequest, thread, 0, signal);
}

/** What happened to a thread: it came to a call or its end, got a signal, or ended. */
export type Stop =
  | { readonly kind: "call" | "other"; readonly thread: number }
  | { readonly kind: "signal"; readonly thread: number; readonly signal: number }
  | { readonly kind: "ended"; readonly thread: number; readonly code: number };

const status = new Int32Array(1);

/** Waits for what happens next to any traced thread. Undefined: there is none any more. */
export function nextStop(): Stop | undefined {
  let thread = c.waitpid(-1, status, allChildren);
  while (thread < 0 && errno() === interrupted) thread = c.waitpid(-1, status, allChildren);
  if (thread < 0) return undefined;
  const [word = 0] = status;
  if ((word & 0xff) !== 0x7f) {
    return { kind: "ended", thread, code: (word & 0x7f) === 0 ? word >> 8 & 0xff : 128 + word };
  }
  const signal = word >> 8 & 0xff;
  if (signal === (trap | 0x80)) return { kind: "call", thread };
  return word >> 16 === 0 ? { kind: "signal", thread, signal } : { kind: "other", thread };
}

/** A call at which a thread stopped: where it begins, or where it has ended. */
export type CallStop =
  | { readonly at: "entry"; readonly number: number; readonly values: readonly bigint[] }
  | { readonly at: "exit"; readonly result: number };

const info = new DataView(new ArrayBuffer(88));
const infoBytes = new Uint8Array(info.buffer);

/** Which call a thread stopped at. Undefined: none. */
export function callOf(thread: number): CallStop | undefined {
  if (c.ptrace(syscallInfoRequest, thread, infoBytes.length, infoBytes) <= 0) return undefined;
  switch (info.getUint8(0)) {
    case 1:
      return {
        at: "entry",
        number: Number(info.getBigUint64(24, true)),
        values: [0, 1, 2, 3].map((index) => info.getBigUint64(32 + 8 * index, true)),
      };
    case 2:
      return { at: "exit", result: Number(info.getBigInt64(24, true)) };
    default:
      return undefined;
  }
}

const from = new BigUint64Array(2);
const to = new BigUint64Array(2);

/** Copies memory of a traced thread. */
export function readMemory(thread: number, address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (length === 0) return bytes;
  from.set([address, BigInt(length)]);
  to.set([BigInt(ptr(bytes)), BigInt(length)]);
  const count = c.process_vm_readv(thread, to, 1, from, 1, 0);
  if (count < 0) throw new Error(`Cannot read the memory of a traced thread: error ${errno()}.`);
  return bytes.subarray(0, count);
}

/** Why a process cannot be traced, and how it could. */
export function whyNot(): string {
  const yama = "/proc/sys/kernel/yama/ptrace_scope";
  const reason = `Expected to trace the system calls of a process by ptrace; error ${errno()}. `;
  return reason +
    (existsSync(yama)
      ? `See that ${yama} is not 3; in a container, allow it: --cap-add=SYS_PTRACE.`
      : "In a container, allow it: --cap-add=SYS_PTRACE.");
}
