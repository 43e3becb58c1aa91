import type { DenoKv, DenoKvKey } from "imggo-webhooks/storage/deno-kv";

/** The keys of a Deno KV that begin so, without the counters that have come down to 0. */
export async function leftKeys(kv: DenoKv, prefix: DenoKvKey = []): Promise<DenoKvKey[]> {
  const left: DenoKvKey[] = [];
  for await (const { key, value } of kv.list({ prefix })) {
    const isCounter = key[0] === "imggo_webhooks" && key[1] === "count";
    if (!isCounter || (value as { readonly value: bigint }).value !== 0n) left.push(key);
  }
  return left;
}
