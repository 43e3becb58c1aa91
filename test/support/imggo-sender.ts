import { sign } from "imggo-webhooks";
import type { ServiceJob } from "./imggo-answers.ts";
import type { ImgGoService } from "./imggo-service.ts";
import { type Dialect, flatWithManifest } from "./wire.ts";

/** What becomes of the delivery of a job's end. All false: it is sent once. */
export interface Fate {
  /** It is never sent. */
  readonly dropped: boolean;
  /** It is sent twice, at once. */
  readonly doubled: boolean;
  /** A failure of the job is sent before: it was queued again, and then succeeded. */
  readonly failedFirst: boolean;
}

/** Which part of the jobs meets which fate, from 0 to 1. */
export interface FateShares {
  readonly dropped?: number;
  readonly doubled?: number;
  readonly failedFirst?: number;
}

/** One delivery that was tried. */
export interface Sent {
  readonly jobId: string;
  readonly event: "job.succeeded" | "job.failed";
  readonly url: string;
  /** The answer's status; `lost` where there was none, or none in time. */
  readonly outcome: number | "lost";
}

/** What a sender does. */
export interface SenderOptions {
  readonly dialect?: Dialect;
  /** Default: every delivery is sent once. */
  readonly fateOf?: (job: ServiceJob) => Fate;
  /** ImgGo's own client gives up after 30 s. */
  readonly timeoutMs?: number;
}

/** Ends the stand-in's jobs, and tells of it as ImgGo does: once, whatever the answer. */
export interface Sender {
  /** Ends a job well, and sends what its fate says. */
  succeed(job: ServiceJob, result?: unknown): Promise<void>;
  /** Ends a job badly. */
  fail(job: ServiceJob, error?: ServiceJob["error"]): Promise<void>;
  /** Every delivery that was tried, in the order of the answers. */
  readonly sent: readonly Sent[];
}

const plain: Fate = { dropped: false, doubled: false, failedFirst: false };
const unreadable = { code: "invalid_image", message: "Image could not be read" };

export function createSender(service: ImgGoService, options: SenderOptions = {}): Sender {
  const { dialect = flatWithManifest, fateOf = () => plain, timeoutMs = 30_000 } = options;
  const sent: Sent[] = [];

  async function send(job: ServiceJob, event: Sent["event"]): Promise<void> {
    const wire = {
      job_id: job.id,
      pattern_id: job.patternId,
      timestamp: job.endedAt ?? "",
      result: job.result,
      ...(job.error ?? unreadable),
    };
    const body = JSON.stringify(
      event === "job.succeeded" ? dialect.succeeded(wire) : dialect.failed(wire),
    );
    const targets = service.webhooks.filter(({ active, events }) =>
      active && events.includes(event)
    );
    await Promise.all(targets.map(async (webhook) => {
      webhook.lastTriggeredAt = new Date().toISOString();
      const { url } = webhook;
      const outcome = await post(url, body, await sign(body, webhook.secret), timeoutMs);
      sent.push({ jobId: job.id, event, url, outcome });
    }));
  }

  async function end(job: ServiceJob, event: Sent["event"], fate: Fate): Promise<void> {
    job.endedAt = new Date().toISOString();
    if (fate.dropped) return;
    await Promise.all(Array.from({ length: fate.doubled ? 2 : 1 }, () => send(job, event)));
  }

  return {
    sent,
    async succeed(job, result = { total: 12.5 }) {
      const fate = fateOf(job);
      if (fate.failedFirst) {
        Object.assign(job, { status: "failed", error: unreadable });
        await end(job, "job.failed", plain);
      }
      Object.assign(job, { status: "succeeded", result, error: null });
      await end(job, "job.succeeded", fate);
    },
    async fail(job, error = unreadable) {
      Object.assign(job, { status: "failed", error });
      await end(job, "job.failed", fateOf(job));
    },
  };
}

async function post(
  url: string,
  body: string,
  signature: string,
  timeoutMs: number,
): Promise<Sent["outcome"]> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "User-Agent": "ImgGo-Webhook/1.0",
        "X-ImgGo-Signature": signature,
      },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return "lost";
  }
}

/**
 * Deals fates to so many jobs: exactly these shares of them, each share independent of the others,
 * the same ones for the same seed.
 */
export function dealFates(count: number, shares: FateShares, seed = 1): Fate[] {
  const random = randomOf(seed);
  const deal = (share = 0) => {
    const order = Array.from({ length: count }, (_, index) => ({ index, key: random() }))
      .sort((one, other) => one.key - other.key);
    return new Set(order.slice(0, Math.round(share * count)).map(({ index }) => index));
  };
  const [dropped, doubled, failedFirst] = [shares.dropped, shares.doubled, shares.failedFirst]
    .map(deal) as [Set<number>, Set<number>, Set<number>];
  return Array.from({ length: count }, (_, index) => ({
    dropped: dropped.has(index),
    doubled: doubled.has(index),
    failedFirst: failedFirst.has(index),
  }));
}

/** Numbers from 0 up to 1, the same ones for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
