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
        const chunks: Uint8Array[] = [];
        let size = 0;
        const onData = (chunk: Uint8Array) => {
          size += chunk.byteLength;
          if (size > maxBytes) fail(new WebhookError("payload_too_large"));
          else chunks.push(chunk);
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
          resolve(joined(chunks, size));
        };
        const onClose = () => fail(new WebhookError("body_timeout"));
        const timer = setTimeout(onClose, timeoutMs);
        // Refuses a declared length over the limit early; a body without one is caught by counting.
        if (Number(incoming.headers["content-length"]) > maxBytes) {
          return fail(new WebhookError("payload_too_large"));
        }
        if (incoming.destroyed) return onClose();
        incoming.on("data", onData).on("end", onEnd).on("error", onClose).on("close", onClose);
      }),
  };
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  // Copied also where there is one: what is kept must not hold the buffer of the whole read.
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
