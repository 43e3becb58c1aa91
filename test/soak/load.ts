import { Agent, request } from "node:http";
import { pause } from "../../src/deadline.ts";
import { sign } from "../../src/signature.ts";
import type { Ledger } from "./ledger.ts";
import { secret, type SoakServer } from "./server.ts";

/** What was sent so far, and how it was answered. */
export interface LoadCounts {
  sent: number;
  /** By status; `none` where there was no answer. */
  readonly answers: Record<string, number>;
  /** Answers that broke the contract, each in a sentence. */
  readonly wrong: string[];
  /** Milliseconds to each answer of 200 to a good request, since the last sample. */
  latencies: number[];
  duplicates: number;
  forged: number;
  slow: number;
}

/** Requests at a steady rate, whatever the answers do. */
export interface Load {
  readonly counts: LoadCounts;
  stop(): Promise<void>;
}

const duplicateShare = 0.1;
const forgedShare = 0.03;
const slowShare = 0.01;

/** What is sent for a job. */
export function bodyOf(job: number): string {
  const text = "x".repeat(job % 7 === 0 ? 4_000 : 200);
  return `{"event":"job.completed","job_id":"${job}","result":{"text":"${text}"}}`;
}

/** Begins to send to servers in turn, as a load balancer does. */
export function startLoad(servers: readonly SoakServer[], ledger: Ledger, perSecond: number): Load {
  const agent = new Agent({ keepAlive: true });
  const counts: LoadCounts = {
    sent: 0,
    answers: {},
    wrong: [],
    latencies: [],
    duplicates: 0,
    forged: 0,
    slow: 0,
  };
  const underWay = new Set<Promise<void>>();
  let next = 0;
  let turn = 0;
  const stopped = new AbortController();

  const post = (url: string, body: string, signature: string, slow: boolean) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = {
        "X-ImgGo-Signature": signature,
        "Content-Length": Buffer.byteLength(body),
      };
      const sending = request(url, { method: "POST", agent, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => text += part);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      }).on("error", reject).setTimeout(20_000, () => sending.destroy(new Error("too slow")));
      if (!slow) {
        sending.end(body);
        return;
      }
      const half = body.length / 2;
      sending.write(body.slice(0, half));
      setTimeout(() => sending.end(body.slice(half)), 1_000);
    });

  const send = async (job: number, kind: "good" | "forged" | "slow") => {
    const url = servers[turn++ % servers.length]?.url();
    counts.sent++;
    // A load balancer knows which servers are there.
    if (url === undefined) {
      count("none");
      return;
    }
    const body = bodyOf(job);
    const signature = await sign(
      body,
      kind === "forged" ? "another secret, that is wrong" : secret,
    );
    const startedAt = performance.now();
    try {
      const { status, text } = await post(url, body, signature, kind === "slow");
      count(String(status));
      const allowed = kind === "forged" ? [401] : [200, 503];
      if (!allowed.includes(status)) counts.wrong.push(`${kind} job ${job}: ${status} ${text}`);
      if (status !== 200 || kind === "forged") return;
      ledger.acknowledge(job, JSON.parse(text).id);
      if (kind === "good") counts.latencies.push(performance.now() - startedAt);
    } catch {
      count("none");
    }
  };
  const count = (answer: string) => counts.answers[answer] = (counts.answers[answer] ?? 0) + 1;

  const sendNext = async () => {
    const chance = Math.random();
    if (chance < forgedShare) {
      counts.forged++;
      await send(-1 - next, "forged");
      return;
    }
    const job = next++;
    const isSlow = chance < forgedShare + slowShare;
    if (isSlow) counts.slow++;
    const first = send(job, isSlow ? "slow" : "good");
    if (Math.random() < duplicateShare) {
      counts.duplicates++;
      // At once, or a while after; then perhaps by another server.
      if (Math.random() < 0.5) await pause(5_000 * Math.random(), stopped.signal);
      await send(job, "good");
    }
    await first;
  };

  const running = (async () => {
    const startedAt = performance.now();
    for (let begun = 0; !stopped.signal.aborted; begun++) {
      const due = startedAt + 1_000 * begun / perSecond;
      const early = due - performance.now();
      if (early > 0) await pause(early);
      const sending: Promise<void> = sendNext().then(() => void underWay.delete(sending));
      underWay.add(sending);
    }
  })();

  return {
    counts,
    async stop() {
      stopped.abort();
      await running;
      await Promise.all(underWay);
      agent.destroy();
    },
  };
}
