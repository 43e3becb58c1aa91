import { getRequestListener } from "@hono/node-server";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Listen, serverError } from "./listen.ts";

/** Listens by Node.js's own HTTP server; `@hono/node-server` makes requests and answers of Fetch. */
export const listen: Listen = async (handler, { hostname, port }) => {
  const options = { overrideGlobalObjects: false, errorHandler: serverError };
  const answer = getRequestListener(handler, options);
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
      // A request is made of a URL, and the host in it is the client's word: one that makes no URL
      // must not cost an event.
      const { host = "" } = incoming.headers;
      if (!/^[\w.:[\]-]+$/.test(host) || !URL.canParse(`http://${host}`)) {
        incoming.headers.host = "localhost";
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
