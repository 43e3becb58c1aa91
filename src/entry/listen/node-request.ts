import type { IncomingMessage } from "node:http";
import { WebhookError } from "../../errors.ts";
import type { WebhookRequest } from "../../webhook.ts";

/** A request of Node.js's own server, as the webhook asks for it: no Fetch request is made of it. */
export function webhookRequest(incoming: IncomingMessage): WebhookRequest {
  return {
    header(name) {
      const value = incoming.headers[name.toLowerCase()];
      return value === undefined ? null : String(value);
    },
    body: ({ maxBytes, timeoutMs }) =>
      new Promise((resolve, reject) => {
        const declared = Number(incoming.headers["content-length"] ?? 0);
        // Refuses a declared length over the limit early; a body without one is caught by counting.
        if (declared > maxBytes) return reject(new WebhookError("payload_too_large"));
        // Each chunk is copied as it comes: what is kept must not hold the buffer of a whole read.
        let bytes = new Uint8Array(declared);
        let size = 0;
        const onData = (chunk: Uint8Array) => {
          if (size + chunk.byteLength > maxBytes) {
            return fail(new WebhookError("payload_too_large"));
          }
          bytes = withRoom(bytes, size, chunk.byteLength);
          bytes.set(chunk, size);
          size += chunk.byteLength;
        };
        const stop = () => {
          clearTimeout(timer);
          incoming.off("data", onData).off("end", onEnd).off("close", onClose);
          // An error of a body that nobody reads any more is nobody's: it must not end the process.
          incoming.off("error", onClose).on("error", () => {});
        };
        const fail = (error: WebhookError) => {
          stop();
          incoming.pause();
          reject(error);
        };
        const onEnd = () => {
          stop();
          resolve(size < bytes.byteLength ? bytes.slice(0, size) : bytes);
        };
        const onClose = () => fail(new WebhookError("body_timeout"));
        const timer = setTimeout(onClose, timeoutMs);
        if (incoming.destroyed) return onClose();
        incoming.on("data", onData).on("end", onEnd).on("error", onClose).on("close", onClose);
      }),
  };
}

/** These bytes, or as long as more is to come than they hold, twice as many. */
function withRoom(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  more: number,
): Uint8Array<ArrayBuffer> {
  if (size + more <= bytes.byteLength) return bytes;
  const larger = new Uint8Array(Math.max(size + more, 2 * size));
  larger.set(bytes.subarray(0, size));
  return larger;
}
