import fc from "fast-check";
import { sign } from "imggo-webhooks";
import { anyPayload, joined, type Payload } from "./payloads.ts";

/** The secrets of a receiver that is fuzzed. */
export const secrets: readonly string[] = [
  "a secret only for fuzzing",
  "the secret before that one",
];

/** The largest body that it takes. */
export const limit = 262_144;

/** How a request is signed. */
export type Signing =
  /** As ImgGo does, by one of the secrets, in a form that is taken. */
  | { readonly kind: "signed"; readonly secret: number; readonly form: number }
  /** Well formed, and of something else. */
  | { readonly kind: "forged"; readonly by: "another secret" | "another body" | "nobody" }
  /** Made of the right signature, and none. */
  | { readonly kind: "malformed"; readonly form: number }
  | { readonly kind: "missing" };

/** A request before it is signed and sent. */
export interface FuzzedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly payload: Payload;
  readonly signing: Signing;
  /** Where the body is cut, each from 0 to 1. Undefined: it is handed over whole. */
  readonly cuts: readonly number[] | undefined;
  /** It breaks off at this part of its body, from 0 to 1. */
  readonly breaksAt: number | undefined;
}

const goodForms = [
  (hex: string) => `sha256=${hex}`,
  (hex: string) => hex,
  (hex: string) => hex.toUpperCase(),
  (hex: string) => `  sha256=${hex}\t`,
] as const;

const badForms = [
  (hex: string) => `SHA256=${hex}`,
  (hex: string) => `sha1=${hex.slice(0, 40)}`,
  (hex: string) => `sha256=${hex}00`,
  (hex: string) => `sha256=${hex.slice(0, 62)}`,
  (hex: string) => `sha256=${hex}, sha256=${hex}`,
  (hex: string) => `sha256=${hex},${hex}`,
  (hex: string) => btoa(hex),
  (hex: string) => `sha256=${hex.repeat(160)}`,
  () => "sha256=",
  () => "\u00ff",
] as const;

const anySigning: fc.Arbitrary<Signing> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("signed" as const),
      secret: fc.nat(secrets.length - 1),
      form: fc.nat(goodForms.length - 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("forged" as const),
      by: fc.constantFrom("another secret" as const, "another body" as const, "nobody" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("malformed" as const),
      form: fc.nat(badForms.length - 1),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "missing" as const }) },
);

const often = <T>(usual: T, ...others: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    ...others.map((arbitrary) => ({ weight: 2, arbitrary })),
  );

/** What a header's value may hold. */
const anyValue = fc.array(
  fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff })),
  {
    maxLength: 20,
  },
).map((codes) => String.fromCharCode(...codes).trim());

const anyHeader: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc.tuple(
    fc.constantFrom("Content-Type", "User-Agent", "X-Request-Id", "Accept", "Cookie", "Forwarded"),
    anyValue,
  ),
  fc.tuple(fc.constant("X-Request-Id"), fc.constantFrom("proxy-1", "a b", "x".repeat(129), "")),
  fc.tuple(
    fc.constant("Content-Length"),
    fc.constantFrom("0", "5", "-1", "many", "1e3", `${limit}`, `${limit + 1}`, "9".repeat(30)),
  ),
  fc.tuple(
    fc.constant("Content-Encoding"),
    fc.constantFrom("gzip", "identity", " Identity ", "", "identity, gzip", "x"),
  ),
  fc.tuple(
    fc.constantFrom("Transfer-Encoding", "Expect", "Upgrade", "Host", "Connection", "Range"),
    fc.constantFrom("chunked", "100-continue", "websocket", "[::1", "close", "bytes=0-1"),
  ),
  fc.tuple(fc.constantFrom("__proto__", "constructor", "a", "traceparent", "baggage"), anyValue),
);

const methods = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "Put", "M-SEARCH"];

/** Which paths lead to the webhook. */
export const webhookPaths = [
  "/webhook",
  "/webhook/",
  "/webhook?job_id=x&__proto__=y",
  "/webhook#x",
];

const otherPaths = [
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/admin",
  "/admin/api/events/%00",
  "/admin/api/events?limit=%ff",
  "/admin/assets/../../etc/passwd",
  "//webhook",
  "/WEBHOOK",
  "/webhook%2f",
  "/webhook/1",
  "/%E0%A4%A",
  "/..;/webhook",
];

export const anyRequest: fc.Arbitrary<FuzzedRequest> = fc.record({
  method: often("POST", fc.constantFrom(...methods)),
  path: often(
    "/webhook",
    fc.constantFrom(...webhookPaths, ...otherPaths),
    fc.webPath().filter((path) => path.startsWith("/")),
  ),
  headers: often<FuzzedRequest["headers"]>([], fc.array(anyHeader, { maxLength: 4 })),
  payload: anyPayload(limit),
  signing: anySigning,
  cuts: often<FuzzedRequest["cuts"]>(
    undefined,
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
  ),
  breaksAt: often<number | undefined>(
    undefined,
    fc.oneof(
      { weight: 2, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
    ),
  ),
});

/** The signature header's value of a request; undefined where it has none. */
export async function signatureOf(
  { signing, payload }: FuzzedRequest,
): Promise<string | undefined> {
  const hexBy = async (secret: string, bytes = payload.bytes) =>
    (await sign(bytes, secret)).slice("sha256=".length);
  switch (signing.kind) {
    case "signed":
      return goodForms[signing.form]?.(await hexBy(secrets[signing.secret] ?? ""));
    case "malformed":
      return badForms[signing.form]?.(await hexBy(secrets[0] ?? ""));
    case "forged":
      if (signing.by === "nobody") return `sha256=${"0".repeat(64)}`;
      return signing.by === "another secret"
        ? `sha256=${await hexBy("a secret of somebody else")}`
        : `sha256=${await hexBy(secrets[0] ?? "", joined([payload.bytes, Uint8Array.of(1)]))}`;
    case "missing":
      return undefined;
  }
}
