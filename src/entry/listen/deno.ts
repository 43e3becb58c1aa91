import { toResponse } from "../../answer.ts";
import { pause } from "../../deadline.ts";
import { isAt } from "../../paths.ts";
import { type Handler, type Listen, serverError } from "./listen.ts";
import { serverRequest } from "./server-request.ts";

declare const Deno: {
  serve(options: {
    hostname: string;
    port: number;
    onListen: () => void;
    onError: () => Response;
  }, handler: Handler["fetch"]): DenoServer;
};

interface DenoServer {
  readonly addr: { readonly port: number };
  /** Rejects where it can accept no more, for instance for want of file descriptors. */
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}

/** Listens by Deno's own HTTP server. */
// deno-lint-ignore require-await -- so that a failure to listen is a rejection
export const listen: Listen = async ({ fetch, webhook }, { hostname, port }) => {
  const answer: Handler["fetch"] = async (request) =>
    webhook !== undefined && request.method === "POST" && isAt(webhook.path, request.url)
      ? toResponse(await webhook.receive(serverRequest(request)))
      : await fetch(request);
  let closing = false;
  const serve = (port: number): DenoServer => {
    // Deno would print a line of its own.
    const options = { hostname, port, onListen() {}, onError: serverError };
    const server = Deno.serve(options, answer);
    server.finished.catch(async () => {
      while (!closing) {
        await pause(100);
        if (closing) return;
        try {
          current = serve(server.addr.port);
          return;
        } catch {
          // Tried again until there is room.
        }
      }
    });
    return server;
  };
  let current = serve(port);
  return {
    port: current.addr.port,
    close() {
      closing = true;
      return current.shutdown();
    },
  };
};
