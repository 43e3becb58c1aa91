import { WebhookError } from "./errors.ts";
import { fromHex } from "./hex.ts";
import type { Ingest, Ingested } from "./ingest.ts";
import { type Logger, withFields } from "./logger.ts";
import type { Rejection } from "./storage/rejections.ts";
import type { Storage } from "./storage/storage.ts";

/** What `reverify()` takes. */
export interface ReverifyOptions {
  /** Breaks it off between two requests; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Begins nothing more after so many milliseconds, but gets on by some. Default: it goes to the end. */
  readonly budgetMs?: number;
  /** Where to begin: the `nextCursor` of a call before. Default the first. */
  readonly cursor?: string;
  /** Is told after each request how far it is. */
  readonly onProgress?: (soFar: ReverifyResult) => void;
}

/** How many of the kept requests were what. */
export interface ReverifyResult {
  /** How many were looked at. */
  readonly checked: number;
  /** Stored now as events, those included that are ignored or quarantined. */
  readonly accepted: number;
  /** Of an event that was stored before. */
  readonly duplicates: number;
  /** Still not signed by any of the secrets: kept further. */
  readonly left: number;
  /** Where to go on, where the budget did not suffice: what is behind it was not looked at. */
  readonly nextCursor?: string;
}

/** What one of them turned out to be. */
type Outcome = "accepted" | "duplicates" | "left";

// The budget is looked at after each page, of which each may take several round trips.
const pageSize = 5;
// Nobody waits for an answer.
const storeWithinMs = 30_000;

/** Makes a function that checks what was refused again, with the secrets of now. */
export function createReverify({ storage, ingest, announce, logger }: {
  readonly storage: Storage;
  readonly ingest: Ingest;
  /** Sees to what is now due. */
  readonly announce: (ingested: Ingested) => Promise<void>;
  readonly logger: Logger;
}): (options?: ReverifyOptions) => Promise<ReverifyResult> {
  const check = async (rejection: Rejection): Promise<Outcome | undefined> => {
    const { id, receivedAt, signature } = rejection;
    const bytes = await storage.rejections.body(id);
    // It made room for another one meanwhile.
    if (bytes === undefined) return undefined;
    try {
      const ingested = await ingest.signed(bytes, fromHex(signature), {
        origin: "webhook",
        receivedAt,
        deadline: performance.now() + storeWithinMs,
        log: withFields(logger, { rejection: id }),
      });
      // Only now: what is broken off in between is a duplicate next time.
      await storage.rejections.remove(id);
      await announce(ingested);
      return ingested.stored.duplicate ? "duplicates" : "accepted";
    } catch (error) {
      if (error instanceof WebhookError && error.code === "invalid_signature") return "left";
      throw error;
    }
  };

  return async ({ signal, onProgress, budgetMs = Infinity, cursor: first } = {}) => {
    const end = performance.now() + budgetMs;
    let result: ReverifyResult = { checked: 0, accepted: 0, duplicates: 0, left: 0 };
    let cursor: string | null | undefined = first;
    while (cursor !== null) {
      const page = await storage.rejections.list({ limit: pageSize, ...(cursor && { cursor }) });
      for (const rejection of page.rejections) {
        signal?.throwIfAborted();
        const outcome = await check(rejection);
        if (outcome === undefined) continue;
        result = { ...result, checked: result.checked + 1, [outcome]: result[outcome] + 1 };
        onProgress?.(result);
      }
      cursor = page.nextCursor;
      if (cursor !== null && performance.now() >= end) return { ...result, nextCursor: cursor };
    }
    return result;
  };
}
