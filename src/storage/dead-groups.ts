import type { DeadGroup } from "./storage.ts";

/** A dead delivery, as it is grouped. */
interface Dead {
  readonly processor: string;
  readonly error: string;
  readonly endedAt: number;
  readonly eventId: string;
}

/** Groups dead deliveries that are told one by one, the one that died last first. */
export function createDeadGroups(): {
  add(dead: Dead): void;
  /** So many of them, the most frequent first. */
  first(limit: number): DeadGroup[];
} {
  const groups = new Map<string, DeadGroup>();
  return {
    add({ processor, error, endedAt, eventId }) {
      const key = JSON.stringify([processor, error]);
      const known = groups.get(key) ??
        { processor, error, count: 0, lastEndedAt: endedAt, lastEventId: eventId };
      groups.set(key, { ...known, count: known.count + 1 });
    },
    first: (limit) =>
      [...groups.values()]
        .sort((one, other) => other.count - one.count || other.lastEndedAt - one.lastEndedAt)
        .slice(0, limit),
  };
}
