import type { ClaimRow } from "./statements.ts";

/** From when on the deliveries of a processor are to be looked at. */
export interface Watermark {
  readonly name: string;
  /** The database's clock: what was due before has been claimed. Milliseconds since 1970. */
  readonly since: number;
  /** The database's clock when `since` was found: it does not hold where the clock is earlier. */
  readonly seen: number;
}

/** For each processor the time before which nothing of it is due any more. */
export interface Watermarks {
  /** Those for a claim. */
  of(processors: readonly string[]): Watermark[];
  /** Learns from what a claim gave. */
  learn(rows: readonly ClaimRow[]): void;
}

// What became due this long ago and was not seen is looked for by the next sweep: an event that was
// stored in a transaction which took longer, or a claim that was undone.
const lagMs = 5_000;
const sweepEveryMs = 10_000;

/**
 * Lets claims skip the index entries of what was claimed before. They are dead, but stay in the
 * index as long as any transaction is older than they are; read again by each claim, they make it
 * slower with everything that is claimed meanwhile.
 *
 * It is sound because nothing new becomes due in the past: what is stored, released or retried is due
 * now or later by the database's clock.
 */
export function createWatermarks(): Watermarks {
  const marks = new Map<string, Watermark>();
  let sweptAt = -Infinity;

  return {
    of(processors) {
      if (performance.now() - sweptAt > sweepEveryMs) {
        sweptAt = performance.now();
        marks.clear();
      }
      return processors.map((name) => marks.get(name) ?? { name, since: 0, seen: 0 });
    },
    learn(rows) {
      const learned = new Set<string>();
      for (const { processor, due_at: dueAt, now } of rows) {
        // The first of a processor is the one that was due first.
        if (learned.has(processor)) continue;
        learned.add(processor);
        const since = Math.min(dueAt, now - lagMs);
        marks.set(processor, { name: processor, since, seen: now });
      }
    },
  };
}
