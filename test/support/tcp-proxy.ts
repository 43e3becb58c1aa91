import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A network that a test can break, between a client and a server on this machine. */
export interface TcpProxy {
  /** The same URL, by way of it. */
  readonly url: string;
  /** Closes every connection, on both sides. */
  cut(): void;
  /**
   * Passes nothing on any more, and closes nothing: what is connected now is lost for ever, and what
   * connects gets no answer, until {@linkcode TcpProxy.forward}.
   */
  swallow(): void;
  /** Takes no connection, until {@linkcode TcpProxy.forward}. */
  refuse(): Promise<void>;
  /** Passes on what connects from now on. */
  forward(): Promise<void>;
  /** Lets every answer take so many milliseconds longer. */
  delay(milliseconds: number): void;
  /**
   * Cuts a connection once the server has answered to what holds this text, in place of the answer.
   * Resolves then.
   */
  loseAnswerTo(text: string): Promise<void>;
}

/** Puts a proxy before the server of a URL. It is closed when the test ends. */
export async function startProxy(serverUrl: string): Promise<TcpProxy> {
  const target = new URL(serverUrl);
  const connections = new Set<Connection>();
  let swallowing = false;
  let delayMs = 0;
  let losing: { readonly text: string; readonly lost: () => void } | undefined;

  const server = createServer((client) => {
    const connection: Connection = {
      client,
      upstream: connect(Number(target.port), target.hostname),
      dead: swallowing,
    };
    const { upstream } = connection;
    const close = () => {
      client.destroy();
      upstream.destroy();
      connections.delete(connection);
    };
    connections.add(connection);
    let onAnswer: (() => void) | undefined;
    client.on("data", (chunk: Buffer) => {
      if (connection.dead) return;
      if (losing !== undefined && chunk.includes(losing.text)) {
        onAnswer = losing.lost;
        losing = undefined;
      }
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (connection.dead) return;
      if (onAnswer !== undefined) {
        close();
        onAnswer();
      } else if (delayMs > 0) {
        setTimeout(() => connection.dead || client.writable && client.write(chunk), delayMs);
      } else client.write(chunk);
    });
    for (const socket of [client, upstream]) {
      socket.on("error", () => {}).on("close", () => connection.dead || close());
    }
  });
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const cut = () => {
    for (const { client, upstream } of connections) {
      client.destroy();
      upstream.destroy();
    }
    connections.clear();
  };
  const refuse = () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    cut();
    return closed;
  };

  await listen(0);
  const { port } = server.address() as AddressInfo;
  onTestFinished(refuse);
  const url = new URL(serverUrl);
  url.port = String(port);
  return {
    url: url.href,
    cut,
    swallow() {
      swallowing = true;
      for (const connection of connections) connection.dead = true;
    },
    refuse,
    async forward() {
      swallowing = false;
      if (!server.listening) await listen(port);
    },
    delay(milliseconds) {
      delayMs = milliseconds;
    },
    loseAnswerTo: (text) => new Promise((lost) => losing = { text, lost }),
  };
}

interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Whether what comes is dropped. */
  dead: boolean;
}
