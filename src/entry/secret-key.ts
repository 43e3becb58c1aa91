import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";
import type { SecretKey } from "../signature.ts";

/** Checks signatures by `node:crypto`, which Node.js, Bun and Deno have: at once, on this thread. */
export function secretKey(secret: string): SecretKey {
  const key = createSecretKey(secret, "utf8");
  return {
    verify(mac, body) {
      const digest = createHmac("sha256", key).update(body).digest();
      // It throws at another length.
      return mac.byteLength === digest.byteLength && timingSafeEqual(mac, digest);
    },
  };
}
