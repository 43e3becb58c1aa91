import { sign } from "imggo-webhooks";
import { toBytes } from "./wire.ts";

export const secret = "a secret only for these tests";

export interface SignedRequestOptions {
  readonly secret?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A webhook request as ImgGo sends it, with a valid signature of its body. */
export async function signedRequest(
  payload: unknown,
  { secret: signer = secret, url = "http://localhost/webhook", headers }: SignedRequestOptions = {},
): Promise<Request> {
  const body = payload instanceof Uint8Array ? new Uint8Array(payload) : toBytes(payload);
  return new Request(url, {
    method: "POST",
    body,
    headers: {
      "Content-Type": "application/json",
      "User-Agent": "ImgGo-Webhook/1.0",
      "X-ImgGo-Signature": await sign(body, signer),
      ...headers,
    },
  });
}
