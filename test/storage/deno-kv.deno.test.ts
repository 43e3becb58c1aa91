/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import type { Storage } from "imggo-webhooks";
import { denoKvStorage, type DenoKvStorageOptions } from "imggo-webhooks/storage/deno-kv";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStorage, testClock } from "./contract.ts";

const remove = (folder: string) => rm(folder, { recursive: true });
const makeFolder = () => mkdtemp(join(tmpdir(), "imggo-webhooks-"));

/** A storage over a file, with a connection of its own. */
async function openFile(path: string, options?: DenoKvStorageOptions): Promise<Storage> {
  const kv: Deno.Kv = await Deno.openKv(path);
  return { ...denoKvStorage(kv, options), close: () => Promise.resolve(kv.close()) };
}

describeStorage("denoKvStorage()", {
  async create() {
    const clock = testClock();
    const folder = await makeFolder();
    return {
      open: () => openFile(join(folder, "events.db"), clock),
      advance: clock.advance,
      dispose: () => remove(folder),
    };
  },
});
