import process from "node:process";

/** The outcome of `work`; on a terminal, what takes more than a second is said to be under way. */
export async function withProgress<T>(
  json: boolean | undefined,
  text: string,
  work: Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => tell(json, text), 1_000);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** Says on a terminal what goes on. */
export function tell(json: boolean | undefined, text: string): void {
  if (!isSilent(json)) process.stderr.write(`${text}\n`);
}

/** Says on a terminal, in one line that changes, how far something came. */
export interface Progress {
  (text: string): void;
  /** Takes the line away. */
  end(): void;
}

/** A line of progress, which nobody sees of what is over within a second. */
export function createProgress(json: boolean | undefined): Progress {
  const startedAt = performance.now();
  let shown = false;
  const progress = (text: string) => {
    if (isSilent(json) || performance.now() - startedAt < 1_000) return;
    shown = true;
    process.stderr.write(`\r${text}\x1b[K`);
  };
  const end = () => {
    if (shown) process.stderr.write("\r\x1b[K");
  };
  return Object.assign(progress, { end });
}

function isSilent(json: boolean | undefined): boolean {
  return json === true || !process.stderr.isTTY;
}
