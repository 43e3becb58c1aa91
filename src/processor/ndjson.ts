/**
 * A processor that appends each event to a file, a line of JSON each.
 *
 * @module
 */
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { eventJson } from "./event-json.ts";
import type { Processor } from "./processor.ts";

/** A line that waits to be written. */
interface Waiting {
  readonly line: string;
  readonly written: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * A processor that appends each event to a file, as a line of JSON: its `id`, `received_at`, and the
 * canonical event. The line is on the disk before the delivery counts as a success.
 *
 * A line may be there twice, with the same `id` and the same content: when the process died between
 * the line and its success, or when the event was redelivered. A line that is torn, by a full disk or
 * an end of the machine, ends where the next one begins: readers skip it, for its event is written
 * again.
 *
 * The file is opened for each write, so it may be moved away at any time. It belongs to one process:
 * give each worker a file of its own. For Node.js, Bun and Deno.
 *
 * @param path The file's path. Its folder must be there; the file is made.
 *
 * @example
 * ```ts
 * import { defineConfig } from "imggo-webhooks";
 * import { ndjson } from "imggo-webhooks/processor/ndjson";
 *
 * export default defineConfig({ processors: { archive: ndjson("./results.ndjson") } });
 * ```
 */
export function ndjson(path: string): Processor {
  let waiting: Waiting[] = [];
  let writing = false;

  /** Writes what waits, all at once: as many lines as came share one wait for the disk. */
  const write = async () => {
    writing = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await append(path, batch.map(({ line }) => line).join(""));
        for (const { written } of batch) written();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    writing = false;
  };

  return async (event, { id, receivedAt, signal }) => {
    signal.throwIfAborted();
    const line = `${eventJson({ id, received_at: receivedAt.toISOString(), ...event })}\n`;
    await new Promise<void>((written, failed) => {
      waiting.push({ line, written, failed });
      if (!writing) void write();
    });
  };
}

/** Appends whole lines, behind what a write that broke off may have left. */
async function append(path: string, lines: string): Promise<void> {
  const file = await open(path, "a+");
  try {
    const { size } = await file.stat();
    const last = new Uint8Array(1);
    if (size > 0) await file.read(last, 0, 1, size - 1);
    const isTorn = size > 0 && last[0] !== 0x0a;
    const bytes = new TextEncoder().encode(isTorn ? `\n${lines}` : lines);
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.byteLength) {
      throw new Error(`The disk took ${bytesWritten} of ${bytes.byteLength} bytes.`);
    }
    await file.sync();
    if (size === 0) await syncFolder(path);
  } finally {
    await file.close();
  }
}

/** So that the name of a new file lasts too. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(dirname(path), "r");
    await folder.sync().finally(() => folder.close());
  } catch {
    // Some systems open no folders; there the name is kept when they like.
  }
}
