import {
  createReceiver,
  type NewEvent,
  parseEvent,
  type Receiver,
  type Storage,
} from "imggo-webhooks";
import { admin } from "imggo-webhooks/admin";
import { expectedOf, partOf } from "./expected.ts";
import { type FuzzedRequest, limit, secrets, signatureOf } from "./requests.ts";

/** A receiver that is sent fuzzed requests, and what it must have kept of them. */
export interface FetchTarget {
  /** Sends one. Rejects with what is wrong about what became of it. */
  send(request: FuzzedRequest): Promise<void>;
  /** Every body that was acknowledged, by its id. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
  /** How often each answer came. */
  readonly answers: ReadonlyMap<number, number>;
  stop(): Promise<void>;
}

/** Far more than the receiver's own deadlines. */
const hangsAfterMs = 10_000;

export function createFetchTarget(storage: Storage): FetchTarget {
  const kept = new Map<string, Uint8Array>();
  const answers = new Map<number, number>();
  let accepted: NewEvent[] = [];
  const watched: Storage = {
    ...storage,
    async accept(event, signal) {
      accepted.push(event);
      return await storage.accept(event, signal);
    },
  };
  const receiver: Receiver = createReceiver({
    secrets,
    storage: watched,
    maxBodyBytes: limit,
    plugins: [admin({ token: "a token only for fuzzing" })],
  });

  const expectKept = async (request: FuzzedRequest, answer: Record<string, unknown>) => {
    const [event, ...more] = accepted;
    check(event !== undefined && more.length === 0, "it is stored once");
    const id = String(answer["id"]);
    const { bytes } = request.payload;
    const body = await storage.body(id);
    const first = await storage.get(id);
    check(body !== undefined && first !== undefined, `what was acknowledged is there: ${id}`);
    if (id === event.id) {
      kept.set(id, bytes);
      check(equal(body, bytes), "it is stored with its very bytes");
      return;
    }
    check(kept.has(id), "a duplicate is one of something that was acknowledged");
    if (first.state === "quarantined" || first.state === "ignored") {
      check(equal(body, bytes), "a duplicate that means nothing is one by its bytes");
      return;
    }
    check(meaningOf(body) === meaningOf(bytes), "a duplicate tells the same end of the same job");
  };

  return {
    kept,
    answers,
    async send(fuzzed) {
      const request = await toRequest(fuzzed);
      const expected = expectedOf(fuzzed, request);
      accepted = [];
      const response = await inTime(receiver.fetch(request));
      const { status } = response;
      answers.set(status, (answers.get(status) ?? 0) + 1);
      check(status < 500, `no 5xx: ${status}`);
      check(Boolean(response.headers.get("X-Request-Id")), "the answer has an id");
      const text = await response.text();
      if (expected.outcome === "stored") {
        await expectKept(fuzzed, JSON.parse(text));
        check(expected.statuses.includes(status), `${status} is one of ${expected.statuses}`);
        return;
      }
      check(accepted.length === 0, "what is refused is not stored");
      if (expected.outcome === "elsewhere") return;
      check(status === expected.status, `${status} is ${expected.status}`);
      if (request.method === "HEAD") return check(text === "", "an answer to HEAD has no body");
      const { code, ...rest } = JSON.parse(text);
      check(code === expected.code, `${code} is ${expected.code}`);
      check(Object.keys(rest).join() === "error", "a refusal says nothing more");
    },
    stop: () => receiver.stop(),
  };
}

/** A request of Fetch as it reaches a receiver. */
export async function toRequest(fuzzed: FuzzedRequest): Promise<Request> {
  const headers = new Headers();
  for (const [name, value] of fuzzed.headers) headers.append(name, value);
  const signature = await signatureOf(fuzzed);
  if (signature !== undefined) headers.set("X-ImgGo-Signature", signature);
  const { method, path } = fuzzed;
  const hasBody = method !== "GET" && method !== "HEAD";
  const init: RequestInit & { duplex: "half" } = { method, headers, duplex: "half" };
  if (hasBody) init.body = bodyOf(fuzzed);
  const request = new Request(`http://localhost${path}`, init);
  // What Fetch adds by itself, ImgGo need not send.
  if (!fuzzed.headers.some(([name]) => name === "Content-Type")) {
    request.headers.delete("Content-Type");
  }
  return request;
}

function bodyOf({ payload: { bytes }, cuts, breaksAt }: FuzzedRequest): BodyInit {
  if (cuts === undefined && breaksAt === undefined) return bytes;
  const end = breaksAt === undefined ? bytes.length : partOf(bytes.length, breaksAt);
  const ends = [...(cuts ?? []).map((cut) => partOf(end, cut)).sort((a, b) => a - b), end];
  let from = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const to = ends.shift();
      if (to === undefined) {
        if (breaksAt !== undefined) controller.error(new Error("connection reset"));
        else controller.close();
        return;
      }
      controller.enqueue(bytes.slice(from, to));
      from = to;
    },
  });
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer: it hangs")), hangsAfterMs);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`expected that ${what}`);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function meaningOf(body: Uint8Array): string {
  const parsed = parseEvent(body);
  if (parsed.state !== "accepted") return parsed.state;
  return `${parsed.event.event} of ${parsed.event.data.job_id}`;
}
