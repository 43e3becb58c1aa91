import { WebhookError } from "./errors.ts";
import { fromHex, toHex } from "./hex.ts";

/** The header in which ImgGo sends its signature. */
export const signatureHeader = "X-ImgGo-Signature";

/** The fewest characters a secret may have: ImgGo's own rule. */
export const minimumSecretLength = 16;

/**
 * Checks signatures by one secret at once. A `CryptoKey` of Web Crypto does so too, but by a promise
 * and, on Node.js, on another thread: the way there and back costs several times the check.
 */
export interface SecretKey {
  /** Whether this is the HMAC-SHA256 of the body; compared in constant time. */
  verify(mac: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): boolean;
}

declare const verified: unique symbol;

/** What a signature is checked by. */
export type VerifyingSecret = string | CryptoKey | SecretKey;

/**
 * Bytes whose signature was checked. Only {@linkcode verifySignature} makes them, and a storage
 * accepts nothing else, so a check that was computed but not enforced does not compile.
 */
export interface VerifiedBytes extends Uint8Array<ArrayBuffer> {
  /** @internal */
  readonly [verified]: true;
}

const algorithm = { name: "HMAC", hash: "SHA-256" };

// `sha256=<hex>` is what ImgGo sends, the bare form stands in one of its documents. Everything else
// (another prefix, another length, two values) is refused before any cryptography.
const signatureForm = /^(?:sha256=)?([0-9a-fA-F]{64})$/;

/**
 * What is wrong with a secret, or `undefined` when it is good.
 * The sentence says what was expected and never holds the secret.
 */
export function secretProblem(secret: unknown): string | undefined {
  if (typeof secret !== "string") return "expected text";
  if (secret !== secret.trim()) {
    return "expected no white space around the secret; copy it without spaces and line ends";
  }
  // Counted as the user sees them; the key itself is the secret's UTF-8 bytes.
  const length = [...secret].length;
  if (length < minimumSecretLength) {
    return `expected at least ${minimumSecretLength} characters, got ${length}`;
  }
  return undefined;
}

/**
 * Makes a key of a webhook's secret. Worth keeping: it costs more than a verification.
 *
 * @throws {TypeError} when the secret is weak or has white space around it.
 */
export async function importSecret(secret: string): Promise<CryptoKey> {
  const problem = secretProblem(secret);
  if (problem !== undefined) throw new TypeError(`The webhook secret is invalid: ${problem}.`);
  const bytes = new TextEncoder().encode(secret);
  return await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
}

/**
 * Signs a body as ImgGo does: `sha256=` and the HMAC-SHA256 of the raw bytes in lower-case hex.
 *
 * @param body The raw bytes; text is signed as UTF-8.
 * @param secret The webhook's secret, or a key of {@linkcode importSecret}.
 */
export async function sign(
  body: Uint8Array<ArrayBuffer> | string,
  secret: string | CryptoKey,
): Promise<string> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const mac = await crypto.subtle.sign("HMAC", await toKey(secret), bytes);
  return `sha256=${toHex(new Uint8Array(mac))}`;
}

/**
 * The 32 bytes of a signature header's value.
 *
 * @throws {WebhookError} `missing_signature` or `invalid_signature`.
 */
export function parseSignature(header: string | null): Uint8Array<ArrayBuffer> {
  if (!header) throw new WebhookError("missing_signature");
  const hex = signatureForm.exec(header)?.[1];
  if (hex === undefined) throw new WebhookError("invalid_signature");
  return fromHex(hex);
}

/**
 * Checks a body against its signature, in constant time, with each secret in turn.
 *
 * @param body The raw bytes as received, never text made from them.
 * @param signature The value of `X-ImgGo-Signature` (`sha256=<64 hex>` or `<64 hex>`), or its bytes.
 * @param secrets One secret or several, for instance the current and the previous one while they
 * are rotated; or their keys.
 * @returns The same bytes, now of the type that a storage accepts.
 * @throws {WebhookError} `missing_signature` or `invalid_signature`.
 *
 * @example
 * ```ts
 * const bytes = new Uint8Array(await request.arrayBuffer());
 * await verifySignature(bytes, request.headers.get("X-ImgGo-Signature"), secret);
 * ```
 */
export async function verifySignature(
  body: Uint8Array<ArrayBuffer>,
  signature: string | null | Uint8Array<ArrayBuffer>,
  secrets: VerifyingSecret | readonly VerifyingSecret[],
): Promise<VerifiedBytes> {
  const mac = signature instanceof Uint8Array ? signature : parseSignature(signature);
  for (const secret of [secrets].flat()) {
    if (await isSignedBy(secret, mac, body)) return body as VerifiedBytes;
  }
  throw new WebhookError("invalid_signature");
}

async function isSignedBy(
  secret: VerifyingSecret,
  mac: Uint8Array<ArrayBuffer>,
  body: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (typeof secret === "object" && "verify" in secret) return secret.verify(mac, body);
  // `subtle.verify` is the platform's constant-time comparison; it refuses another length.
  return await crypto.subtle.verify("HMAC", await toKey(secret), mac, body);
}

async function toKey(secret: string | CryptoKey): Promise<CryptoKey> {
  return typeof secret === "string" ? await importSecret(secret) : secret;
}
