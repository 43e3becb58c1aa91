// Loads a server by autocannon, as its argument says; prints what it did.
import process from "node:process";
import type { Slice } from "../events.ts";
import { readSlice } from "./read-slice.ts";
import type { Loaded } from "./load.ts";

interface Client {
  setRequests(requests: readonly object[]): void;
}
interface Result {
  readonly duration: number;
  readonly "2xx": number;
  readonly non2xx: number;
  readonly errors: number;
  readonly latency: { readonly p50: number; readonly p99: number };
}

// It brings no types.
const name: string = "autocannon";
const { default: autocannon } = await import(name) as {
  default(options: object): Promise<Result>;
};

const { url, slice, seconds, connections } = JSON.parse(process.argv[2] ?? "{}") as {
  url: string;
  slice: Slice;
  seconds: number;
  connections: number;
};
const requests = (await readSlice(slice)).map(({ signature, body }) => ({
  method: "POST",
  body,
  headers: {
    "Content-Type": "application/json",
    "User-Agent": "ImgGo-Webhook/1.0",
    "X-ImgGo-Signature": `sha256=${signature}`,
  },
}));
const each = Math.floor(requests.length / connections);
let clients = 0;
const result = await autocannon({
  url,
  connections,
  duration: seconds,
  // Each connection gets events of its own.
  setupClient: (client: Client) =>
    client.setRequests(requests.slice(clients++ * each, clients * each)),
});
const loaded: Loaded = {
  perSecond: result["2xx"] / result.duration,
  accepted: result["2xx"],
  failed: result.non2xx + result.errors,
  p50: result.latency.p50,
  p99: result.latency.p99,
};
process.stdout.write(JSON.stringify(loaded));
