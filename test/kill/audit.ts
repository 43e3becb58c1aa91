import type { Attempt, Storage, StoredEvent } from "../../src/storage/storage.ts";
import type { Ledger } from "../soak/ledger.ts";
import { bodyOf } from "../soak/load.ts";
import { allEvents } from "../soak/stored.ts";
import { type Effect, leaseMs, readEffects } from "./effects.ts";

/** Compares what is stored with what was promised, while servers may run. */
export interface Auditor {
  /**
   * What is wrong, each in a sentence.
   *
   * @param isThorough Whether to read every body, not only those not read before.
   */
  audit(storage: Storage, isThorough?: boolean): Promise<readonly string[]>;
}

/**
 * @param cwd The folder of the servers.
 */
export function createAuditor(cwd: string, ledger: Ledger): Auditor {
  const read = new Set<string>();
  const checked = new Map<string, number>();
  let told = 0;

  return {
    async audit(storage, isThorough = false) {
      const wrong: string[] = [];
      const acknowledged = new Map(ledger.acknowledged);
      const stored = new Map<string, StoredEvent>();
      for await (const event of allEvents(storage)) stored.set(event.id, event);
      // What is done after this was perhaps not recorded when the events were read.
      const effects = await readEffects(cwd);

      for (const [job, id] of acknowledged) {
        if (stored.get(id)?.jobId !== `${job}`) wrong.push(`job ${job}: acknowledged, not stored`);
      }
      for (const { id, jobId } of stored.values()) {
        if (read.has(id) && !isThorough) continue;
        const body = new TextDecoder().decode(await storage.body(id));
        if (body !== bodyOf(Number(jobId))) wrong.push(`job ${jobId}: other bytes than were sent`);
        read.add(id);
      }
      wrong.push(...judgeEffects(effects, stored));
      for (const { id, jobId, deliveries: [delivery] } of stored.values()) {
        const attempts = delivery?.attempts ?? 0;
        if (attempts < 2 || checked.get(id) === attempts) continue;
        if (overlap(await storage.attempts(id))) {
          wrong.push(`job ${jobId}: claimed while another one held it`);
        }
        checked.set(id, attempts);
      }

      for (const { what, job, id } of effects.slice(told)) {
        if (what === "begins") ledger.begin(job, id);
      }
      told = effects.length;
      for (const { id, deliveries: [delivery] } of stored.values()) {
        if (delivery?.state === "succeeded") ledger.succeed(id);
      }
      return wrong;
    },
  };
}

/** What processors did that they must not, and what is recorded and was not done. */
export function judgeEffects(
  effects: readonly Effect[],
  stored: ReadonlyMap<string, StoredEvent>,
): string[] {
  const wrong: string[] = [];
  const begun = new Set<string>();
  const done = new Set<string>();
  for (const { what, job, id, attempt } of effects) {
    if (what === "done") done.add(id);
    else {
      if (begun.has(`${id} ${attempt}`)) wrong.push(`job ${job}: attempt ${attempt} was run twice`);
      begun.add(`${id} ${attempt}`);
    }
  }
  for (const { id, jobId, deliveries: [delivery] } of stored.values()) {
    if (delivery?.state === "succeeded" && !done.has(id)) {
      wrong.push(`job ${jobId}: recorded as done, and was not`);
    }
  }
  return wrong;
}

/** Whether an attempt was claimed before the one ahead of it ended, or its lease did. */
export function overlap(attempts: readonly Attempt[]): boolean {
  return attempts.some(({ startedAt }, index) => {
    const before = attempts[index - 1];
    return before !== undefined && startedAt < (before.endedAt ?? before.startedAt + leaseMs);
  });
}
