// Loads a server at a steady rate, as its argument says; prints how long answers took.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import process from "node:process";
import type { Slice } from "../events.ts";
import { quantile } from "../median.ts";
import { readSlice } from "./read-slice.ts";

const { url, slice, perSecond, seconds, connections } = JSON.parse(process.argv[2] ?? "{}") as {
  url: string;
  slice: Slice;
  perSecond: number;
  seconds: number;
  connections: number;
};
const { hostname, port, pathname } = new URL(url);
const count = Math.min(Math.floor(perSecond * seconds), slice.count);
const requests = (await readSlice({ ...slice, count })).map(({ signature, body }) =>
  Buffer.from(
    `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n` +
      `X-ImgGo-Signature: sha256=${signature}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
);

const times: number[] = [];
const free: Socket[] = [];
const dueAt = new Map<Socket, number>();
const { promise: done, resolve, reject } = Promise.withResolvers<void>();
let next = 0;
let beganAt = 0;

function send(): void {
  const due = Math.min(
    requests.length,
    Math.floor((performance.now() - beganAt) / 1_000 * perSecond),
  );
  while (next < due && free.length > 0) {
    const socket = free.shift() as Socket;
    dueAt.set(socket, beganAt + next / perSecond * 1_000);
    socket.write(requests[next++] as Buffer);
  }
}

for (let index = 0; index < connections; index++) {
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, "connect");
  let answer = "";
  socket.setEncoding("latin1").on("error", reject).on("data", (text: string) => {
    answer += text;
    // The body of each answer is one object, in chunks or not.
    if (!answer.endsWith(answer.includes("chunked") ? "0\r\n\r\n" : "}")) return;
    if (!answer.startsWith("HTTP/1.1 200")) return reject(new Error(answer));
    answer = "";
    times.push(performance.now() - (dueAt.get(socket) as number));
    free.push(socket);
    if (times.length === requests.length) resolve();
    else send();
  });
  free.push(socket);
}
beganAt = performance.now();
const timer = setInterval(send, 1);
await done;
clearInterval(timer);
process.stdout.write(
  JSON.stringify({ p50: quantile(times, 0.5), p99: quantile(times, 0.99) }),
  () => {
    process.exit(0);
  },
);
