import { type FetchHandler, type Listen, serverError } from "./listen.ts";

declare const Deno: {
  serve(options: {
    hostname: string;
    port: number;
    onListen: () => void;
    onError: () => Response;
  }, handler: FetchHandler): { addr: { port: number }; shutdown(): Promise<void> };
};

/** Listens by Deno's own HTTP server. */
// deno-lint-ignore require-await -- so that a failure to listen is a rejection
export const listen: Listen = async (handler, { hostname, port }) => {
  // Deno would print a line of its own.
  const options = { hostname, port, onListen() {}, onError: serverError };
  const server = Deno.serve(options, (request) => handler(request));
  return { port: server.addr.port, close: () => server.shutdown() };
};
