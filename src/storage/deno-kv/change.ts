import { type AttemptEnd, attemptKeys, rememberAttempt } from "./attempts.ts";
import { count } from "./counts.ts";
import { type EventKeys, keys } from "./keys.ts";
import type { DenoKv, DenoKvEntry, DenoKvKey } from "./kv.ts";
import { deadOf, type DeliveryRecord, type EventRecord, type StatusRecord } from "./records.ts";

/** A commit that changes deliveries of one event, with what finds and counts them. */
export interface DeliveriesChange {
  /**
   * Makes a delivery another one. Undefined: there is, or shall be, none.
   *
   * @param end How its last attempt ended, where only its record told of that so far.
   */
  move(
    processor: string,
    from: DeliveryRecord | undefined,
    to: DeliveryRecord | undefined,
    end?: AttemptEnd,
  ): void;
  /** False: the event or another of its deliveries was changed since `status` was read. */
  commit(): Promise<boolean>;
}

/**
 * Begins to change deliveries of an event.
 *
 * @param event The entry of its {@linkcode EventRecord}, which is there.
 * @param status The entry of its {@linkcode StatusRecord}, read no later than the deliveries: what
 * changes one of them changes it, and so it alone is checked.
 */
export function changeDeliveries(
  kv: DenoKv,
  of: EventKeys,
  event: DenoKvEntry,
  status: DenoKvEntry,
): DeliveriesChange {
  const record = event.value as EventRecord;
  const known = status.value as StatusRecord;
  const change = { pending: 0, running: 0, succeeded: 0, dead: 0 };
  const atomic = kv.atomic().check(status);

  const addTo = (state: DeliveryRecord["state"], by: number) => {
    // They ceased to count when the event was superseded.
    if (known.superseded && (state === "pending" || state === "dead")) return;
    change[state] += by;
  };

  return {
    move(processor, from, to, end) {
      if (from !== undefined) {
        addTo(from.state, -1);
        const index = indexKey(from, processor, String(event.versionstamp));
        if (index !== undefined) atomic.delete(index);
        if (to === undefined) {
          for (const key of attemptKeys(of, processor, from)) atomic.delete(key);
        } else if (end !== undefined) {
          rememberAttempt(atomic, of, processor, from, end);
        }
      }
      if (to === undefined) {
        atomic.delete(of.delivery(processor));
        return;
      }
      addTo(to.state, 1);
      atomic.set(of.delivery(processor), to);
      const index = indexKey(to, processor, String(event.versionstamp));
      if (index === undefined) return;
      atomic.set(index, to.state === "dead" ? deadOf(record, to) : record.id);
    },

    async commit() {
      const { pending, running, succeeded, dead } = known.deliveries;
      const deliveries: StatusRecord["deliveries"] = {
        pending: pending + change.pending,
        running: running + change.running,
        succeeded: succeeded + change.succeeded,
        dead: dead + change.dead,
      };
      atomic.set(status.key, { ...known, deliveries } satisfies StatusRecord);
      count(atomic, { deliveries: change });
      return (await atomic.commit()).ok;
    },
  };
}

/**
 * The key by which a delivery is found: among what is due, or dead; undefined for one that succeeded.
 *
 * @param place Of its event, in the order.
 */
export function indexKey(
  { state, dueAt }: DeliveryRecord,
  processor: string,
  place: string,
): DenoKvKey | undefined {
  if (state === "succeeded") return undefined;
  return state === "dead" ? keys.dead(place, processor) : keys.due(processor, dueAt, place);
}
