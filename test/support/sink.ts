import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that a sink got. */
export interface Forwarded {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An HTTP server that keeps what it is sent. */
export interface Sink {
  readonly url: string;
  readonly requests: readonly Forwarded[];
  /** What was sent of the event of this id, once it has come. */
  received(id: string): Promise<Forwarded>;
  close(): Promise<void>;
}

/** Starts a sink on a free port of this machine. It answers 204, or what `status` says. */
export async function startSink(status: () => number = () => 204): Promise<Sink> {
  const requests: Forwarded[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
      response.writeHead(status()).end();
      for (const check of waiting) check();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    received: (id) =>
      new Promise((resolve) => {
        const check = () => {
          const found = requests.find(({ headers }) => headers["idempotency-key"] === id);
          if (found === undefined) return;
          waiting.delete(check);
          resolve(found);
        };
        waiting.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
