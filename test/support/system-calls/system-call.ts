/** A system call that writes or syncs, as the tracer prints it: each a line of JSON, as they end. */
export interface SystemCall {
  readonly name: string;
  /** What its file descriptor leads to: a path, or such as `socket:[4711]`. */
  readonly path: string;
  readonly thread: number;
  /** When it was about to begin: its place among all that the tracer saw of all threads. */
  readonly began: number;
  /** When it had ended, likewise. */
  readonly ended: number;
  /** What it returned: of one that failed, the negative number of the error. */
  readonly result: number;
  /** Of one that writes the first of the bytes, each a character; else empty. */
  readonly data: string;
}

/** Where a call finds what it writes. */
export type DataForm = "none" | "buffer" | "vector" | "message";

/** A call that is looked at. */
export interface CallForm {
  readonly name: string;
  readonly data: DataForm;
}

const forms: Readonly<Record<string, DataForm>> = {
  write: "buffer",
  pwrite64: "buffer",
  sendto: "buffer",
  writev: "vector",
  pwritev: "vector",
  pwritev2: "vector",
  sendmsg: "message",
  fsync: "none",
  fdatasync: "none",
};

// Linux numbers its calls differently on each kind of processor: <asm/unistd.h>.
const numbers: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  x64: {
    write: 1,
    pwrite64: 18,
    writev: 20,
    sendto: 44,
    sendmsg: 46,
    fsync: 74,
    fdatasync: 75,
    pwritev: 296,
    pwritev2: 328,
  },
  arm64: {
    write: 64,
    writev: 66,
    pwrite64: 68,
    pwritev: 70,
    fsync: 82,
    fdatasync: 83,
    sendto: 206,
    sendmsg: 211,
    pwritev2: 287,
  },
};

/**
 * The calls that are looked at, by number.
 *
 * @param architecture As `process.arch` names it.
 */
export function callForms(architecture: string): ReadonlyMap<number, CallForm> {
  const known = numbers[architecture];
  if (known === undefined) {
    throw new Error(
      `Expected a processor whose system calls are known, ${Object.keys(numbers).join(" or ")}: ` +
        `add those of ${architecture}.`,
    );
  }
  return new Map(
    Object.entries(forms).map(([name, data]) => [known[name] ?? -1, { name, data }]),
  );
}
