import { sign } from "imggo-webhooks";
import { toBytes } from "./wire.ts";

export const secret = "a secret only for these tests";

/** Where a receiver takes webhooks unless it is told otherwise. */
export const webhookUrl = "http://localhost/webhook";

export interface SignedRequestOptions {
  readonly secret?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A webhook request as ImgGo sends it, with a valid signature of its body. */
export async function signedRequest(
  payload: unknown,
  { secret: signer = secret, url = webhookUrl, headers }: SignedRequestOptions = {},
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

/** A request with a valid signature of this payload, whose body is this stream. */
export async function streamedRequest(
  payload: unknown,
  body: ReadableStream<Uint8Array>,
): Promise<Request> {
  const headers = { "X-ImgGo-Signature": await sign(toBytes(payload), secret) };
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, headers, duplex: "half" };
  return new Request(webhookUrl, init);
}
