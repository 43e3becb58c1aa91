import { type FuzzedRequest, limit, webhookPaths } from "./requests.ts";

/** What a receiver must do with a request, as its contract says. */
export type Expected =
  /** It is stored: 200 where it is an event, or one of these. */
  | { readonly outcome: "stored"; readonly statuses: readonly number[] }
  /** It is not, and this is the answer. */
  | { readonly outcome: "refused"; readonly status: number; readonly code: string }
  /** It is none for the webhook: whatever is answered is no 5xx. */
  | { readonly outcome: "elsewhere" };

const refused = (status: number, code: string): Expected => ({ outcome: "refused", status, code });

/** Written anew from the contract, not from the code: it judges that. */
export function expectedOf(
  { path, payload, signing, breaksAt }: FuzzedRequest,
  { method, headers }: Request,
): Expected {
  if (!webhookPaths.includes(path)) return { outcome: "elsewhere" };
  if (method !== "POST") return refused(405, "method_not_allowed");
  const encoding = (headers.get("Content-Encoding") ?? "").trim().toLowerCase();
  if (encoding !== "" && encoding !== "identity") return refused(415, "unsupported_encoding");
  if (signing.kind === "missing") return refused(401, "missing_signature");
  if (signing.kind === "malformed") return refused(401, "invalid_signature");
  if (Number(headers.get("Content-Length")) > limit) return refused(413, "payload_too_large");
  const { bytes, isEvent } = payload;
  const comes = breaksAt === undefined ? bytes.length : partOf(bytes.length, breaksAt);
  if (comes > limit) return refused(413, "payload_too_large");
  if (breaksAt !== undefined) return refused(408, "body_timeout");
  if (signing.kind === "forged") return refused(401, "invalid_signature");
  if (isEvent) return { outcome: "stored", statuses: [200] };
  return { outcome: "stored", statuses: isJson(bytes) ? [200, 422] : [400] };
}

/** How many bytes come before a body breaks off. */
export function partOf(length: number, breaksAt: number): number {
  return Math.floor(length * breaksAt);
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
