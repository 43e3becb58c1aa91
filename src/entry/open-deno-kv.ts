import { type DenoKv, denoKvStorage } from "../storage/deno-kv.ts";
import { classify } from "../storage/deno-kv/classify.ts";
import type { Storage } from "../storage/storage.ts";

declare const Deno: {
  /** Undefined where it was not asked for. */
  openKv?(path?: string): Promise<DenoKv & { close(): void }>;
};

/**
 * Opens Deno KV and a storage in it, which closes it.
 *
 * @param path A file, or the URL of a database. Without it, what Deno Deploy brings, or what Deno
 * keeps for a script.
 */
export async function openDenoKv(path: string | undefined): Promise<Storage> {
  if (!("Deno" in globalThis)) {
    throw new Error(
      "Deno KV needs Deno: run src/entry/deno.ts with it, or set another STORAGE_URL.",
    );
  }
  if (Deno.openKv === undefined) {
    throw new Error(
      'Deno KV is not switched on: expected "unstable": ["kv", "cron"] in deno.json, or ' +
        "deno run --unstable-kv.",
    );
  }
  const kv = await Deno.openKv(path).catch((error) => {
    throw classify(error);
  });
  return {
    ...denoKvStorage(kv),
    // deno-lint-ignore require-await -- so that a failure is a rejection
    close: async () => kv.close(),
  };
}
