import { toResponse } from "../../answer.ts";
import { isAt } from "../../paths.ts";
import { type Listen, serverError } from "./listen.ts";
import { serverRequest } from "./server-request.ts";

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    development: boolean;
    idleTimeout: number;
    fetch(request: Request, server: Server): Promise<Response>;
    error: () => Response;
  }): Server & { port: number; stop(): Promise<void> };
};

interface Server {
  /** Seconds without a byte on the connection of this request, until the next one; 0: any number. */
  timeout(request: Request, seconds: number): void;
}

// Seconds without a byte.
const idleTimeout = 10;

/** Listens by Bun's own HTTP server. */
// deno-lint-ignore require-await -- so that a failure to listen is a rejection
export const listen: Listen = async ({ fetch, webhook }, { hostname, port }) => {
  const server = Bun.serve({
    hostname,
    port,
    // Bun's page for developers shows the error and the source.
    development: false,
    error: serverError,
    idleTimeout,
    async fetch(request, server) {
      if (webhook !== undefined && request.method === "POST" && isAt(webhook.path, request.url)) {
        return toResponse(await webhook.receive(serverRequest(request)));
      }
      // The handler has deadlines of its own; what an operator asks for may take longer than this.
      server.timeout(request, 0);
      try {
        return await fetch(request);
      } finally {
        server.timeout(request, idleTimeout);
      }
    },
  });
  return { port: server.port, close: () => server.stop() };
};
