import fc from "fast-check";
import type { Ending } from "../support/raw-http.ts";
import { toBytes } from "../support/wire.ts";
import { joined } from "./payloads.ts";
import { cut } from "./wire-requests.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a hostile client sends, and how it leaves. */
export interface HostileConnection {
  readonly packets: readonly Bytes[];
  readonly leaves: Ending;
}

/** A request that is signed well, in its parts. */
export interface SignedRequest {
  readonly signature: string;
  readonly body: string;
}

const post = "POST /webhook HTTP/1.1";

/** Puts a request together, badly. */
type Spoil = (request: SignedRequest) => string;

const withHead =
  (first: string, lines: (request: SignedRequest) => readonly string[]): Spoil => (request) => {
    const own = ["Host: localhost", `X-ImgGo-Signature: ${request.signature}`];
    return `${[first, ...own, ...lines(request)].join("\r\n")}\r\n\r\n`;
  };
const counted = ({ body }: SignedRequest) => `Content-Length: ${Buffer.byteLength(body)}`;
const withLines = (...lines: string[]): Spoil => (request) =>
  withHead(post, (request) => [...lines, counted(request)])(request) + request.body;
const withFirst = (first: string): Spoil => (request) =>
  withHead(first, (request) => [counted(request)])(request) + request.body;
const withLength = (length: string): Spoil => (request) =>
  withHead(post, () => [`Content-Length: ${length}`])(request) + request.body;
const withCoding = (coding: string): Spoil => (request) =>
  withHead(post, () => [`Transfer-Encoding: ${coding}`])(request) + chunk(request.body);
const withSize = (size: string, end = "\r\n"): Spoil => (request) =>
  withHead(post, () => ["Transfer-Encoding: chunked"])(request) +
  `${size}${end}${request.body}\r\n0\r\n\r\n`;

function chunk(body: string): string {
  return `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

/** Every way to frame a request that is ambiguous, broken or not HTTP. */
export const spoils: Readonly<Record<string, Spoil>> = {
  "a length and chunks": (request) =>
    withHead(post, (request) => [counted(request), "Transfer-Encoding: chunked"])(request) +
    chunk(request.body),
  "chunks and a length": (request) =>
    withHead(post, () => ["Transfer-Encoding: chunked", "Content-Length: 4"])(request) +
    chunk(request.body),
  "two lengths": (request) => withLines("Content-Length: 5")(request),
  "two lengths in one": withLength("5, 6"),
  "a length below nothing": withLength("-1"),
  "a length with a sign": withLength("+5"),
  "a hexadecimal length": withLength("0x10"),
  "a huge length": withLength("99999999999999999999"),
  "an empty length": withLength(""),
  "a length too short": withLength("5"),
  "a length too long": withLength("5000"),
  "two codings": withCoding("chunked, chunked"),
  "an unknown coding": withCoding("xchunked"),
  "a coding behind chunks": withCoding("chunked, gzip"),
  "identity as the coding": withCoding("identity"),
  "a control in the coding": withCoding("\x0bchunked"),
  "a chunk size that is none": withSize("zz"),
  "a chunk size below nothing": withSize("-1"),
  "a chunk size with 0x": withSize("0x5"),
  "a chunk size too large": withSize("FFFFFFFFFFFFFFFFFF"),
  "a chunk size that says less": withSize("1"),
  "a chunk size ended by LF": withSize("5", "\n"),
  "an endless chunk extension": withSize(`5;${"a".repeat(70_000)}`),
  "a space before the colon": withLines("Content-Length : 5"),
  "a NUL in a field": withLines("X-A: \0"),
  "a CR in a field": withLines("X-A: b\rX-B: c"),
  "a folded field": withLines("X-A: b\r\n c"),
  "a field without a colon": withLines("X-A"),
  "a field without a name": withLines(": a"),
  "a field of 100 kB": withLines(`X-A: ${"a".repeat(100_000)}`),
  "5,000 fields": withLines(...Array.from({ length: 5_000 }, (_, index) => `X-${index}: a`)),
  "two signatures": withLines(`X-ImgGo-Signature: ${"0".repeat(64)}`),
  "two hosts": withLines("Host: elsewhere"),
  "an upgrade to WebSocket": withLines("Connection: Upgrade", "Upgrade: websocket"),
  "an upgrade to HTTP/2": withLines("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
  "an expectation nobody knows": withLines("Expect: 200-ok"),
  "100-continue": withLines("Expect: 100-continue"),
  "HTTP/1.0": withFirst("POST /webhook HTTP/1.0"),
  "HTTP/9.9": withFirst("POST /webhook HTTP/9.9"),
  "no version": withFirst("POST /webhook"),
  "an absolute target": withFirst("POST http://elsewhere.test/webhook HTTP/1.1"),
  "an absolute target that is no URL": withFirst("POST http://[::1/webhook HTTP/1.1"),
  "a target of *": withFirst("OPTIONS * HTTP/1.1"),
  "a target without a slash": withFirst("POST webhook HTTP/1.1"),
  "a target of slashes": withFirst("POST //[/webhook HTTP/1.1"),
  "a tunnel": withFirst("CONNECT localhost:80 HTTP/1.1"),
  "TRACE": withFirst("TRACE /webhook HTTP/1.1"),
  "a method in lower case": withFirst("post /webhook HTTP/1.1"),
  "a method nobody knows": withFirst("FROB /webhook HTTP/1.1"),
  "spaces in the target": withFirst("POST /web hook HTTP/1.1"),
  "a NUL in the target": withFirst("POST /web\0hook HTTP/1.1"),
  "a target of 70 kB": withFirst(`POST /${"a".repeat(70_000)} HTTP/1.1`),
  "line ends of LF alone": (request) => withLines()(request).replaceAll("\r\n", "\n"),
  "TLS": () => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "HTTP/2": () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
  "nothing": () => "",
  "line ends": () => "\r\n".repeat(1_000),
};

const anySpoiled = fc.constantFrom(...Object.values(spoils));
const place = fc.double({ min: 0, max: 1, noNaN: true });

/** What becomes of the bytes on their way. */
const anyWay: fc.Arbitrary<(bytes: Bytes) => Bytes> = fc.oneof(
  { weight: 4, arbitrary: fc.constant((bytes: Bytes) => bytes) },
  { weight: 3, arbitrary: place.map((at) => (bytes: Bytes) => cut(bytes, [at])[0]!) },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([at, more]) => (bytes: Bytes) => {
        const [before, behind] = cut(bytes, [at]);
        return joined([before!, more, behind!]);
      }),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.nat(7)).map(([at, bit]) => (bytes: Bytes) => {
      const flipped = bytes.slice();
      const index = Math.floor(at * (bytes.length - 1));
      if (bytes.length > 0) flipped[index]! ^= 1 << bit;
      return flipped;
    }),
  },
);

/** Any connection of a client that means harm, or is broken, about this request. */
export function anyHostileConnection(request: SignedRequest): fc.Arbitrary<HostileConnection> {
  const good = withLines()(request);
  return fc.record({
    text: fc.oneof(
      { weight: 3, arbitrary: fc.constant(good) },
      { weight: 3, arbitrary: anySpoiled.map((spoil) => spoil(request)) },
      { weight: 1, arbitrary: anySpoiled.map((spoil) => spoil(request) + good) },
    ),
    way: anyWay,
    packets: fc.array(place, { maxLength: 2 }),
    leaves: fc.constantFrom<Ending>(
      { kind: "half-close", quietMs: 150 },
      { kind: "half-close", quietMs: 0 },
      { kind: "reset" },
    ),
  }).map(({ text, way, packets, leaves }) => ({
    packets: cut(way(toBytes(text)), packets),
    leaves,
  }));
}
