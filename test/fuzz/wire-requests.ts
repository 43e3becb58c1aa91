import fc from "fast-check";
import { toBytes } from "../support/wire.ts";
import { joined } from "./payloads.ts";
import { anyRequest, type FuzzedRequest, signatureOf } from "./requests.ts";
import type { ServerLimits } from "./server-limits.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** How a body's length is told, and how the bytes are cut into packets. */
export interface Framing {
  /** The chunks' sizes as parts of the body, from 0 to 1; undefined: by `Content-Length`. */
  readonly chunks: readonly number[] | undefined;
  readonly trailer: boolean;
  /** Where the whole request is cut into packets, each from 0 to 1. */
  readonly packets: readonly number[];
}

/** A request that every server must take for the same one. */
export interface WireRequest {
  readonly request: FuzzedRequest;
  readonly framing: Framing;
}

const part = fc.double({ min: 0, max: 1, noNaN: true });

const anyFraming: fc.Arbitrary<Framing> = fc.record({
  chunks: fc.option(fc.array(part, { maxLength: 4 }), { nil: undefined }),
  trailer: fc.boolean(),
  packets: fc.array(part, { maxLength: 3 }),
});

// What says how a request is framed or carried is the server's business, not the receiver's.
const ofTheServer = [
  "Content-Length",
  "Transfer-Encoding",
  "Expect",
  "Upgrade",
  "Host",
  "Connection",
];
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const anyWireRequest: fc.Arbitrary<WireRequest> = fc.record({
  request: anyRequest.map((request) => ({
    ...request,
    method: methods.includes(request.method) ? request.method : "POST",
    path: request.path.replace(/#.*$/, ""),
    headers: request.headers.filter(([name], index, all) =>
      !ofTheServer.includes(name) && all.findIndex(([other]) => other === name) === index
    ),
    cuts: undefined,
    breaksAt: undefined,
  })),
  framing: anyFraming,
});

/** What is sent in one connection: requests whose meaning is beyond doubt. */
export function anyPipeline(
  { pipelining, trailers }: ServerLimits,
): fc.Arbitrary<readonly WireRequest[]> {
  const one = anyWireRequest.map(({ request, framing }) => ({
    request,
    framing: { ...framing, trailer: framing.trailer && trailers === undefined },
  }));
  return fc.array(one, { minLength: 1, maxLength: pipelining === undefined ? 4 : 1 });
}

/** The packets of a request. */
export async function packetsOf({ request, framing }: WireRequest): Promise<Bytes[]> {
  const { method, path, headers, payload: { bytes } } = request;
  const signature = await signatureOf(request);
  const hasBody = method !== "GET" && method !== "HEAD";
  const { chunks, trailer, packets } = framing;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: localhost",
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...signature === undefined ? [] : [`X-ImgGo-Signature: ${signature}`],
    ...!hasBody ? [] : [chunks ? "Transfer-Encoding: chunked" : `Content-Length: ${bytes.length}`],
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const body = !hasBody ? [] : chunks === undefined ? [bytes] : chunked(bytes, chunks, trailer);
  return cut(joined([head, ...body]), packets);
}

function chunked(bytes: Bytes, places: readonly number[], trailer: boolean): Bytes[] {
  const chunks = cut(bytes, places).flatMap((chunk) =>
    chunk.length === 0 ? [] : [toBytes(`${chunk.length.toString(16)}\r\n`), chunk, toBytes("\r\n")]
  );
  return [...chunks, toBytes(trailer ? "0\r\nX-Checksum: 1\r\n\r\n" : "0\r\n\r\n")];
}

/** The bytes in parts, cut at these places from 0 to 1. */
export function cut(bytes: Bytes, places: readonly number[]): Bytes[] {
  const ends = [...places, 1].map((place) => Math.floor(place * bytes.length)).sort((a, b) =>
    a - b
  );
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
}
