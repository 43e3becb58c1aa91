import {
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import type { Random } from "./random.ts";

/**
 * What the product uses of Web Crypto, with the same results, but at once: the runtime's own works
 * in other threads, and what comes first would depend on them.
 */
export function deterministicCrypto(random: Random): Pick<Crypto, "getRandomValues"> & {
  readonly subtle: Pick<SubtleCrypto, "importKey" | "sign" | "verify" | "digest">;
  readonly randomUUID: () => string;
} {
  const secrets = new WeakMap<object, KeyObject>();
  const hmac = (key: CryptoKey, data: BufferSource) =>
    createHmac("sha256", secrets.get(key) as KeyObject).update(bytesOf(data)).digest();
  const fill = <T extends ArrayBufferView>(array: T): T => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let index = 0; index < bytes.length; index++) bytes[index] = random.whole(0, 255);
    return array;
  };
  return {
    getRandomValues: fill as Crypto["getRandomValues"],
    randomUUID: () =>
      "00000000-0000-4000-8000-000000000000"
        .replace(/0/g, () => random.whole(0, 15).toString(16)),
    subtle: {
      importKey: ((_format: string, data: BufferSource) => {
        const key = {};
        secrets.set(key, createSecretKey(bytesOf(data)));
        return Promise.resolve(key);
      }) as unknown as SubtleCrypto["importKey"],
      sign: (_algorithm, key, data) => Promise.resolve(new Uint8Array(hmac(key, data)).buffer),
      verify: (_algorithm, key, signature, data) => {
        const [given, made] = [bytesOf(signature), hmac(key, data)];
        return Promise.resolve(given.length === made.length && timingSafeEqual(given, made));
      },
      digest: (_algorithm, data) =>
        Promise.resolve(new Uint8Array(createHash("sha256").update(bytesOf(data)).digest()).buffer),
    },
  };
}

function bytesOf(data: BufferSource): Uint8Array {
  return data instanceof ArrayBuffer
    ? new Uint8Array(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
