import { fromHex, toHex } from "../hex.ts";

/** Sessions that need no storage: whoever knows the token knows those that were begun with it. */
export interface Sessions {
  /** A new one, as text for a cookie. */
  begin(): Promise<string>;
  /** Whether it was begun with this token, and has neither run out nor been ended here. */
  isOpen(session: string): Promise<boolean>;
  /** Ends it in this process, whoever has a copy. */
  end(session: string): Promise<void>;
}

/** How long a session lasts, in seconds. */
export const sessionSeconds: number = 12 * 3_600;

// Only sessions that are open are ended: each took the token to begin.
const maxEnded = 1_000;

const form = /^(\d{13})-([0-9a-f]{32})-([0-9a-f]{64})$/;

/**
 * Sessions of a token. Each is the time of its end and a random id, signed with a key that is derived
 * from the token: good in every process and isolate that has the token, and in none once it changes.
 */
export function createSessions(token: string, now: () => number = Date.now): Sessions {
  const encoder = new TextEncoder();
  /** Those that were ended before their time, with that time. */
  const ended = new Map<string, number>();
  // The key and not the promise of it: on Workers no request may wait for what another one began.
  let kept: CryptoKey | undefined;

  const key = async () => kept ??= await deriveKey(token);

  const read = async (session: string) => {
    const [, time = "", id = "", mac = ""] = form.exec(session) ?? [];
    if (mac === "" || Number(time) <= now() || ended.has(id)) return undefined;
    const signed = encoder.encode(`${time}-${id}`);
    const isOurs = await crypto.subtle.verify("HMAC", await key(), fromHex(mac), signed);
    // Again: it may have been ended meanwhile.
    return isOurs && !ended.has(id) ? { id, endsAt: Number(time) } : undefined;
  };

  return {
    async begin() {
      const id = toHex(crypto.getRandomValues(new Uint8Array(16)));
      const signed = `${now() + sessionSeconds * 1_000}-${id}`;
      const mac = await crypto.subtle.sign("HMAC", await key(), encoder.encode(signed));
      return `${signed}-${toHex(new Uint8Array(mac))}`;
    },

    isOpen: async (session) => await read(session) !== undefined,

    async end(session) {
      const open = await read(session);
      if (open === undefined) return;
      for (const [id, endsAt] of ended) {
        if (endsAt <= now()) ended.delete(id);
      }
      const [oldest] = ended.keys();
      if (ended.size >= maxEnded && oldest !== undefined) ended.delete(oldest);
      ended.set(open.id, open.endsAt);
    },
  };
}

async function deriveKey(token: string): Promise<CryptoKey> {
  const encoder = new TextEncoder();
  const material = await crypto.subtle.importKey("raw", encoder.encode(token), "HKDF", false, [
    "deriveKey",
  ]);
  return await crypto.subtle.deriveKey(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(32),
      info: encoder.encode("imggo-webhooks admin session"),
    },
    material,
    { name: "HMAC", hash: "SHA-256", length: 256 },
    false,
    ["sign", "verify"],
  );
}
