import fc from "fast-check";
import { createReceiver, type Receiver, type Storage } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { exchange, type RawAnswer } from "../support/raw-http.ts";
import type { Campaign } from "./campaign.ts";
import { toRequest } from "./fetch-target.ts";
import { limit, secrets } from "./requests.ts";
import type { ServerLimits } from "./server-limits.ts";
import { anyPipeline, packetsOf, type WireRequest } from "./wire-requests.ts";

/** What of an answer must be the same, whatever server it came through. */
interface Comparable {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | null>>;
  /** Each id replaced by the number of the event that it is of, in the order of their storing. */
  readonly body: string;
}

const compared = ["allow", "retry-after", "cache-control", "location"];

// Answered before the body is read: with the connection, which closes on the rest of it, the answer
// may be lost.
const unread: readonly number[] = [401, 404, 405, 413, 415];

/** Numbers the events that one receiver tells of, so that two receivers' answers compare. */
function createNumbering(): (body: string) => string {
  const numbers = new Map<string, number>();
  return (body) =>
    body.replaceAll(/evt_[0-9a-z]{26}/g, (id) => {
      if (!numbers.has(id)) numbers.set(id, numbers.size);
      return `event ${numbers.get(id)}`;
    });
}

function ofRaw({ status, headers, body }: RawAnswer, numbered: (body: string) => string) {
  const header = (name: string) => headers.get(name) ?? null;
  return comparable(status, header, body, numbered);
}

async function ofFetch(response: Response, numbered: (body: string) => string) {
  const header = (name: string) => response.headers.get(name);
  return comparable(response.status, header, await response.text(), numbered);
}

function comparable(
  status: number,
  header: (name: string) => string | null,
  body: string,
  numbered: (body: string) => string,
): Comparable {
  // One that is made up is another one each time; one that was given is given back.
  const id = header("x-request-id");
  const isMadeUp = id !== null && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
  return {
    status,
    headers: {
      // Bun names the encoding too, which JSON has but one of.
      "content-type": header("content-type")?.replace(/;\s*charset=utf-8$/i, "") ?? null,
      ...Object.fromEntries(compared.map((name) => [name, header(name)])),
      "x-request-id": isMadeUp ? "made up" : id,
    },
    body: numbered(body),
  };
}

/**
 * Sends a server the same requests as a receiver without one, several in a connection, and compares
 * what they answer.
 *
 * @param url A webhook that was started with the fuzz's secrets and limit, no token, and nothing
 * stored.
 * @returns What the receiver stored, which is what the server must have.
 * @throws {Error} with the smallest case that was found to differ, and the seed.
 */
export async function compareWithFetch(
  url: string,
  limits: ServerLimits,
  { cases, seed }: Campaign,
): Promise<Storage> {
  const storage = memoryStorage();
  const reference = createReceiver({ secrets, storage, maxBodyBytes: limit });
  const [numberedHere, numberedThere] = [createNumbering(), createNumbering()];
  // What a case that fails has stored is a duplicate after it: to shrink it would mislead.
  const options = { numRuns: cases, seed, endOnFailure: true };
  try {
    await fc.assert(
      fc.asyncProperty(anyPipeline(limits), async (pipeline) => {
        const expected = await answersOf(reference, pipeline, numberedHere);
        await expectAnswers(url, pipeline, expected, numberedThere);
      }),
      options,
    );
    return storage;
  } finally {
    await reference.stop();
  }
}

async function answersOf(
  reference: Receiver,
  pipeline: readonly WireRequest[],
  numbered: (body: string) => string,
): Promise<Comparable[]> {
  const answers: Comparable[] = [];
  for (const { request } of pipeline) {
    answers.push(await ofFetch(await reference.fetch(await toRequest(request)), numbered));
  }
  return answers;
}

/** A server may close after an answer: what it has not answered by then is sent again. */
async function expectAnswers(
  url: string,
  pipeline: readonly WireRequest[],
  expected: readonly Comparable[],
  numbered: (body: string) => string,
): Promise<void> {
  for (let done = 0; done < pipeline.length;) {
    const packets = (await Promise.all(pipeline.slice(done).map(packetsOf))).flat();
    const heads = pipeline.slice(done).map(({ request }) => request.method === "HEAD");
    const ending = { kind: "await" as const, answers: heads.length };
    const { answers, rest, hung } = await exchange(url, packets, ending, { heads });
    // What is sent again may have been stored before, behind a refusal that closed the connection.
    const asFirst = (answer: Comparable) =>
      done === 0 ? answer : { ...answer, body: answer.body.replace('"duplicate"', '"received"') };
    const got = answers.map((answer) => asFirst(ofRaw(answer, numbered)));
    const wanted = expected.slice(done, done + got.length).map(asFirst);
    const { method, path, payload } = pipeline[done]!.request;
    const where = `request ${done}, ${method} ${path} with ${payload.bytes.length} bytes`;
    if (JSON.stringify(got) !== JSON.stringify(wanted)) {
      throw new Error(
        `${where}: expected ${JSON.stringify(wanted)}, the server answered ${JSON.stringify(got)}`,
      );
    }
    if (hung) throw new Error(`${where}: it hangs, ${JSON.stringify(rest)}`);
    const isLost = got.length === 0 && unread.includes(expected[done]?.status ?? 0);
    if (got.length === 0 && !isLost) throw new Error(`${where}: no answer ${JSON.stringify(rest)}`);
    done += isLost ? 1 : got.length;
  }
}
