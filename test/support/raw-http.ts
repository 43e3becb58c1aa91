import { connect, type Socket } from "node:net";

/** An answer as it came over a connection. */
export interface RawAnswer {
  readonly status: number;
  /** By their names in lower case; the last of several. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** What is done once everything is written. */
export type Ending =
  /** Answers are awaited until so many are whole, or the server closes. */
  | { readonly kind: "await"; readonly answers: number }
  /**
   * Once nothing has come for so many milliseconds no more is sent, which some servers take for the
   * end of the connection, and whatever comes is read until the server closes.
   */
  | { readonly kind: "half-close"; readonly quietMs: number }
  /** The connection is reset. */
  | { readonly kind: "reset" };

/** What came of one connection. */
export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** What came behind them that is no whole answer. */
  readonly rest: string;
  /** It was ended by neither side in time. */
  readonly hung: boolean;
}

/** What an exchange may be told. */
export interface ExchangeOptions {
  /** Which of the requests are HEAD, whose answers have no body. Default none. */
  readonly heads?: readonly boolean[];
  /** Default 8 s, which is more than a server's own deadlines. */
  readonly hangsAfterMs?: number;
}

/** Writes these bytes, each part by itself, and reads what comes. Never rejects. */
export function exchange(
  url: string,
  parts: readonly (Uint8Array | string)[],
  ending: Ending,
  { heads = [], hangsAfterMs = 8_000 }: ExchangeOptions = {},
): Promise<RawExchange> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const reader = createReader(heads);
    let hung = false;
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    const timer = setTimeout(() => {
      hung = true;
      socket.destroy();
    }, hangsAfterMs);
    socket.on("connect", () => void write(socket, parts, ending));
    socket.on("data", (data: Uint8Array) => {
      reader.add(data);
      if (ending.kind === "await" && reader.answers.length >= ending.answers) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve({ answers: reader.answers, rest: reader.rest(), hung });
    });
  });
}

async function write(
  socket: Socket,
  parts: readonly (Uint8Array | string)[],
  ending: Ending,
): Promise<void> {
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  for (const part of parts) {
    if (socket.destroyed) return;
    const written = new Promise<void>((resolve) => socket.write(part, () => resolve()));
    await Promise.race([written, closed]);
    // So that the next one is another packet.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (ending.kind === "half-close") {
    let quiet = setTimeout(() => socket.end(), ending.quietMs);
    socket.on("data", () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), ending.quietMs);
    });
    void closed.then(() => clearTimeout(quiet));
  }
  if (ending.kind === "reset") socket.resetAndDestroy();
}

/** Reads answers as they come. */
export function createReader(heads: readonly boolean[] = []): {
  add(data: Uint8Array): void;
  readonly answers: readonly RawAnswer[];
  rest(): string;
} {
  const answers: RawAnswer[] = [];
  let text = "";
  return {
    answers,
    add(data) {
      // A character for each byte, so that lengths count bytes.
      text += Buffer.from(data).toString("latin1");
      while (true) {
        const next = readAnswer(text, heads[answers.length] ?? false);
        if (next === undefined) break;
        text = next.rest;
        // Only says that the body may come.
        if (next.answer.status !== 100) answers.push(next.answer);
      }
    },
    rest: () => text,
  };
}

function readAnswer(
  text: string,
  isHead: boolean,
): { answer: RawAnswer; rest: string } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  }));
  const behind = text.slice(end + 4);
  const hasBody = status !== 100 && status !== 204 && !isHead;
  const read = hasBody && headers.get("transfer-encoding") === "chunked"
    ? readChunks(behind)
    : readCounted(behind, hasBody ? Number(headers.get("content-length") ?? 0) : 0);
  if (read === undefined) return undefined;
  const body = Buffer.from(read.body, "latin1").toString("utf8");
  return { answer: { status, headers, body }, rest: read.rest };
}

function readCounted(text: string, length: number) {
  if (text.length < length) return undefined;
  return { body: text.slice(0, length), rest: text.slice(length) };
}

function readChunks(text: string) {
  let body = "";
  for (let rest = text;;) {
    const [line, digits = ""] = /^([0-9a-fA-F]+)\r\n/.exec(rest) ?? [];
    if (line === undefined) return undefined;
    const length = parseInt(digits, 16);
    const end = line.length + length + 2;
    if (rest.length < end) return undefined;
    body += rest.slice(line.length, line.length + length);
    rest = rest.slice(end);
    if (length === 0) return { body, rest };
  }
}
