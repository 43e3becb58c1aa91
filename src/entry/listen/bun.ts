import { type FetchHandler, type Listen, serverError } from "./listen.ts";

declare const Bun: {
  serve(options: {
    hostname: string;
    port: number;
    development: boolean;
    idleTimeout: number;
    fetch: FetchHandler;
    error: () => Response;
  }): { port: number; stop(): Promise<void> };
};

/** Listens by Bun's own HTTP server. */
// deno-lint-ignore require-await -- so that a failure to listen is a rejection
export const listen: Listen = async (handler, { hostname, port }) => {
  const server = Bun.serve({
    hostname,
    port,
    // Bun's page for developers shows the error and the source.
    development: false,
    error: serverError,
    // Seconds without a byte.
    idleTimeout: 10,
    fetch: (request) => handler(request),
  });
  return { port: server.port, close: () => server.stop() };
};
