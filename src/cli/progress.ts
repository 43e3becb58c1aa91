import process from "node:process";

/** The outcome of `work`; on a terminal, what takes more than a second is said to be under way. */
export async function withProgress<T>(
  json: boolean | undefined,
  text: string,
  work: Promise<T>,
): Promise<T> {
  const silent = json || !process.stderr.isTTY;
  const timer = setTimeout(() => silent || process.stderr.write(`${text}\n`), 1_000);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
