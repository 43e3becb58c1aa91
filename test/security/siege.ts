import { connect, type Socket } from "node:net";
import { sign } from "imggo-webhooks";
import { exchange } from "../support/raw-http.ts";

/** How a client is slow. */
export type Slowness = "sends nothing" | "drips its head" | "drips its body";

/** What became of a slow client. */
export interface SlowClient {
  readonly slowness: Slowness;
  /** The first line of what was answered; empty: nothing was. */
  readonly answer: string;
  /** Milliseconds until the server closed the connection; undefined: it did not. */
  readonly closedAfterMs: number | undefined;
}

/** So many milliseconds between two bytes of one that drips. */
const dripMs = 250;

/** Opens so many slow connections, which go on for this time; what became of them. */
export async function besiege(
  url: string,
  connections: number,
  forMs: number,
): Promise<SlowClient[]> {
  const kinds: readonly Slowness[] = ["drips its body", "drips its head", "sends nothing"];
  const clients = Array.from(
    { length: connections },
    (_, index) => beSlow(url, kinds[index % kinds.length]!, forMs),
  );
  return await Promise.all(clients);
}

function beSlow(url: string, slowness: Slowness, forMs: number): Promise<SlowClient> {
  const { hostname, port, pathname } = new URL(url);
  const head = `POST ${pathname} HTTP/1.1\r\nHost: localhost\r\n` +
    `X-ImgGo-Signature: ${"0".repeat(64)}\r\nContent-Length: 100000\r\n\r\n`;
  const text = {
    "sends nothing": "",
    "drips its head": `${head.slice(0, 24)}X-A: ${"a".repeat(1_000)}`,
    "drips its body": head + " ".repeat(1_000),
  }[slowness];
  // What does not drip comes at once.
  let sent = slowness === "drips its body" ? head.length : Math.min(text.length, 24);
  return new Promise((resolve) => {
    const startedAt = performance.now();
    let answer = "";
    let closedAfterMs: number | undefined;
    const socket = connect(Number(port), hostname);
    const leave = setTimeout(() => socket.destroy(), forMs);
    let drip: ReturnType<typeof setInterval> | undefined;
    socket.on("connect", () => {
      socket.write(text.slice(0, sent));
      drip = setInterval(() => socket.write(text.slice(sent, ++sent)), dripMs);
    });
    socket.on("data", (data: Uint8Array) => answer += Buffer.from(data).toString("latin1"));
    const closed = () => closedAfterMs ??= performance.now() - startedAt;
    socket.on("end", closed);
    socket.on("error", closed);
    socket.on("close", () => {
      clearTimeout(leave);
      clearInterval(drip);
      resolve({ slowness, answer: answer.split("\r\n")[0] ?? "", closedAfterMs });
    });
  });
}

/** What good senders saw. */
export interface GoodRequests {
  readonly count: number;
  /** How many were not answered 200. */
  readonly failed: number;
  /** Of a hundred, 99 were answered in so many milliseconds. */
  readonly p99Ms: number;
}

/**
 * Sends good requests, each by a connection of its own, one every so many milliseconds, until the
 * attack is over.
 */
export async function sendGood(
  url: string,
  secret: string,
  everyMs: number,
  attack: Promise<unknown>,
): Promise<GoodRequests> {
  const pending: Promise<{ readonly ms: number; readonly ok: boolean }>[] = [];
  let isOver = false;
  const over = attack.finally(() => isOver = true);
  while (!isOver) {
    pending.push(sendOne(url, secret, `good-${pending.length}`));
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, everyMs))]);
  }
  await over;
  const requests = await Promise.all(pending);
  const sorted = requests.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    count: requests.length,
    failed: requests.filter(({ ok }) => !ok).length,
    p99Ms: sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Infinity,
  };
}

async function sendOne(url: string, secret: string, jobId: string) {
  const body = `{"event":"job.succeeded","job_id":"${jobId}","result":1}`;
  const text = requestText(url, await sign(body, secret), body);
  const startedAt = performance.now();
  const { answers } = await exchange(url, [text], { kind: "await", answers: 1 });
  return { ms: performance.now() - startedAt, ok: answers[0]?.status === 200 };
}

function requestText(url: string, signature: string, body: string): string {
  return `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: localhost\r\n` +
    `X-ImgGo-Signature: ${signature}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** How many forged requests were refused. */
export interface Flood {
  readonly refused: number;
  readonly otherwise: number;
  readonly perSecond: number;
}

/** Sends forged requests at this rate, by connections that are kept, each with one under way. */
export async function flood(
  url: string,
  { perSecond, forMs, connections = 64 }: {
    readonly perSecond: number;
    readonly forMs: number;
    readonly connections?: number;
  },
): Promise<Flood> {
  const { hostname, port } = new URL(url);
  const body = `{"event":"job.succeeded","job_id":"forged","result":"${"x".repeat(300)}"}`;
  const text = requestText(url, `sha256=${"0".repeat(64)}`, body);
  const idle: Socket[] = [];
  const sockets = new Set<Socket>();
  let [sent, refused, otherwise] = [0, 0, 0];
  const open = () => {
    const socket = connect(Number(port), hostname, () => idle.push(socket));
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.setEncoding("latin1").on("data", (answer: string) => {
      // An answer is so small that it comes in one piece.
      if (answer.startsWith("HTTP/1.1 401")) refused++;
      else otherwise++;
      idle.push(socket);
    });
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  for (let index = 0; index < connections; index++) open();
  const startedAt = performance.now();
  let now = startedAt;
  while (now - startedAt < forMs) {
    const due = (now - startedAt) / 1_000 * perSecond;
    for (; sent < due; sent++) {
      const socket = idle.pop();
      if (socket === undefined) break;
      socket.write(text);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
    now = performance.now();
  }
  for (const socket of sockets) socket.destroy();
  return { refused, otherwise, perSecond: refused / (now - startedAt) * 1_000 };
}
