import { getRequestListener } from "@hono/node-server";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, refuse } from "../../answer.ts";
import { WebhookError } from "../../errors.ts";
import { type Listen, serverError } from "./listen.ts";
import { webhookRequest } from "./node-request.ts";

/**
 * Listens by Node.js's own HTTP server. What comes to the webhook is received as it is; of all else
 * `@hono/node-server` makes requests and answers of Fetch.
 */
export const listen: Listen = async ({ fetch, webhook }, { hostname, port }) => {
  const options = { overrideGlobalObjects: false, errorHandler: serverError };
  const answer = getRequestListener(fetch, options);
  const server = createServer(
    {
      // A request that is slower than this is no webhook; Node's own defaults are minutes.
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 1_000,
      // Longer than the idle time-out of common load balancers (60 s), so that none of them sends
      // a request into a connection that is just being closed.
      keepAliveTimeout: 65_000,
    },
    (incoming, outgoing) => {
      if (webhook !== undefined && incoming.method === "POST" && incoming.url === webhook.path) {
        void webhook.receive(webhookRequest(incoming)).then((answer) => {
          send(answer, incoming, outgoing);
        });
        return;
      }
      // A request is made of a URL, and the host in it is the client's word: one that makes no URL
      // must not cost an event.
      const { host = "" } = incoming.headers;
      if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(`http://${host}`)) {
        incoming.headers.host = "localhost";
      }
      if (!isTarget(incoming.url)) {
        return send(refuse(new WebhookError("not_found")), incoming, outgoing);
      }
      void answer(incoming, outgoing);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
};

/** Whether a request's target is a path or a URL: `*` is neither. */
function isTarget(target = ""): boolean {
  return target.startsWith("/") || URL.canParse(target);
}

// So long a client that was refused may go on sending, to have its answer: a connection that is
// closed with something unread takes the answer with it.
const lingerMs = 500;

function send(
  { status, headers, body }: Answer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): void {
  if (outgoing.destroyed) return;
  outgoing.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
  outgoing.end(body);
  if (incoming.complete) return;
  const timer = setTimeout(() => incoming.socket.destroySoon(), lingerMs);
  incoming.once("end", () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
  incoming.resume();
}
