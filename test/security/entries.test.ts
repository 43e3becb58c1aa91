import { readFile } from "node:fs/promises";
import { sign, type Storage } from "imggo-webhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bodiesIn } from "../fuzz/campaign.ts";
import { type AttackedEntry, startEntry } from "../fuzz/entries.ts";
import { compareWithFetch } from "../fuzz/differential.ts";
import { hostileBody, sendHostileBytes } from "../fuzz/hostile.ts";
import { spoils } from "../fuzz/hostile-bytes.ts";
import { secrets } from "../fuzz/requests.ts";
import { type ServerLimits, serverLimits } from "../fuzz/server-limits.ts";
import { runtimes } from "../support/process.ts";
import { exchange } from "../support/raw-http.ts";
import { besiege, flood, sendGood, type Slowness } from "./siege.ts";

const seed = 20_260_115;
const secret = String(secrets[0]);

// `npm run test:siege` has the threat table's own numbers.
const amount = (name: string, usual: number) => Number(process.env[name] ?? usual);
const slowConnections = amount("SIEGE_CONNECTIONS", 100);
const slowForMs = amount("SIEGE_SLOW_MS", 7_500);
const forgedPerSecond = amount("SIEGE_FORGED_PER_SECOND", 2_000);
const forgedForMs = amount("SIEGE_FORGED_MS", 1_000);
const isLong = "SIEGE_CONNECTIONS" in process.env;

/** What a runtime's own HTTP server does, and no code of ours can change. */
interface RuntimeFacts extends ServerLimits {
  readonly name: keyof typeof runtimes;
  /** Which slow clients it closes on within 7 s. The deadline of the body is ours, on each. */
  readonly closes: readonly Slowness[];
}

const facts: readonly RuntimeFacts[] = [
  { name: "node", closes: ["drips its body", "drips its head", "sends nothing"] },
  {
    name: "bun",
    ...serverLimits.bun,
    // On the others after 10 to 12 s.
    closes: ["drips its body"],
  },
  // It has no time-outs: only what our deadline on the body answers is over. The README of the
  // entries asks for a proxy.
  { name: "deno", closes: [] },
];

const entries = new Map<string, AttackedEntry>();
/** What each entry must have kept of what it was compared by. */
const references = new Map<string, Storage>();
const entryOf = (name: string): AttackedEntry => {
  const entry = entries.get(name);
  if (entry === undefined) throw new Error(`${name} was not started`);
  return entry;
};

beforeAll(async () => {
  await Promise.all(facts.map(async ({ name }) => {
    entries.set(name, await startEntry(name, runtimes[name]));
  }));
});

// What of them is left standing is ended with every process of the file's.
const ended = new Set<string>();
afterAll(() => expect([...ended].sort()).toEqual(facts.map(({ name }) => name).sort()));

describe("a server's own HTTP", () => {
  test.each(facts)("the $name entry answers as fetch() does, over sockets", async (fact) => {
    const { url } = entryOf(fact.name);
    references.set(fact.name, await compareWithFetch(url, fact, { cases: 120, seed }));
  });

  test.each(facts)("the $name entry outlives bytes that mean harm", async ({ name }) => {
    await sendHostileBytes(entryOf(name).url, { cases: 240, seed });
  });
});

describe("smuggling", () => {
  const ambiguous = [
    "a length and chunks",
    "chunks and a length",
    "two lengths",
    "two lengths in one",
    "two codings",
    "an unknown coding",
    "identity as the coding",
    "a control in the coding",
    "a space before the colon",
  ];
  test.each(facts)("the $name entry refuses two lengths with 400, and closes", async ({ name }) => {
    const { url } = entryOf(name);
    const inner = '{"event":"job.succeeded","job_id":"smuggled","result":1}';
    const smuggled = `POST /webhook HTTP/1.1\r\nHost: localhost\r\n` +
      `X-ImgGo-Signature: ${await sign(inner, secret)}\r\nContent-Length: ${inner.length}\r\n\r\n` +
      inner;
    const outcomes = await Promise.all(ambiguous.map(async (kind) => {
      const request = { body: smuggled, signature: await sign(smuggled, secret) };
      const text = spoils[kind]!(request);
      // Never half-closed: it is the server that closes.
      const { answers, hung } = await exchange(url, [text], { kind: "await", answers: 2 });
      return [kind, answers.map(({ status }) => status).join(), hung];
    }));
    expect(outcomes).toEqual(ambiguous.map((kind) => [kind, "400", false]));
  });
});

// What else runs on the machine may keep a server from its work: then once more.
const timed = { timeout: 60_000, retry: 1 };

describe.concurrent("slow clients", () => {
  test.each(facts)(
    "the $name entry answers good requests beside dripping connections",
    timed,
    async ({ name, closes }) => {
      const { url } = entryOf(name);
      const attack = besiege(url, slowConnections, slowForMs);
      const good = await sendGood(url, secret, 50, attack);
      const clients = await attack;
      if (isLong) console.info(name, `${slowConnections} slow connections`, good);
      expect(good.failed).toBe(0);
      expect(good.p99Ms).toBeLessThan(1_000);
      for (const { slowness, answer, closedAfterMs } of clients) {
        if (slowness === "drips its body") expect(answer).toMatch(/^HTTP\/1\.1 408 /);
        if (closes.includes(slowness)) expect(closedAfterMs, slowness).toBeLessThan(7_500);
      }
    },
  );
});

describe("forged requests", () => {
  test.each(facts)("the $name entry answers good ones beside a flood", timed, async ({ name }) => {
    const { url } = entryOf(name);
    const attack = flood(url, { perSecond: forgedPerSecond, forMs: forgedForMs });
    const good = await sendGood(url, secret, 25, attack);
    const { refused, otherwise, perSecond } = await attack;
    if (isLong) console.info(name, `${Math.round(perSecond)} forged a second refused`, good);
    expect(good.failed).toBe(0);
    expect(good.p99Ms).toBeLessThan(1_000);
    expect(otherwise).toBe(0);
    expect(refused).toBeGreaterThan(forgedPerSecond * forgedForMs / 10_000);
  });
});

describe("after all of it", () => {
  test.each(facts)("the $name entry has kept what was signed, and little memory", async (fact) => {
    const { process: child, end } = entryOf(fact.name);
    ended.add(fact.name);
    const peak = await peakMemory(child.child.pid);
    const code = await end(async (storage) => {
      const bodies = await bodiesIn(storage);
      const wanted = await bodiesIn(references.get(fact.name)!);
      expect(wanted.size).toBeGreaterThan(50);
      expect([...wanted].filter((body) => !bodies.has(body))).toEqual([]);
      for (const job of ["smuggled", "forged"]) {
        expect((await storage.list({ limit: 1, jobId: job })).events).toEqual([]);
      }
      const { events } = await storage.list({ limit: 10, jobId: "hostile" });
      for (const { id } of events) {
        expect(new TextDecoder().decode(await storage.body(id))).toBe(hostileBody);
      }
    });
    expect(code).toBe(0);
    if (peak !== undefined) expect(peak / 2 ** 20).toBeLessThan(512);
  });
});

/** The most bytes of memory that a process had at once, where the system says so. */
async function peakMemory(pid: number | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
}
