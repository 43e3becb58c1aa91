import { type Storage, StorageError } from "imggo-webhooks";

/**
 * How a storage is:
 * - `rejects`, `throws` and `hangs`: nothing is stored;
 * - `silent`: it stores, but its answers never come;
 * - `half`: it answers a ping, but takes no event.
 */
export type Condition = "works" | "rejects" | "throws" | "hangs" | "silent" | "half";

/** A storage that a test breaks and mends. */
export interface BreakableStorage {
  readonly storage: Storage;
  is(condition: Condition): void;
  /** Refuses events of these ids, however it is otherwise. */
  readonly refused: Set<string>;
  /** The ids of what it has taken, in order; of one that was taken again, again. */
  readonly taken: readonly string[];
  /** How often it was asked to take an event. */
  asked(): number;
}

export function breakable(storage: Storage): BreakableStorage {
  let condition: Condition = "works";
  let asked = 0;
  const refused = new Set<string>();
  const taken: string[] = [];

  const forever = () => new Promise<never>(() => {});
  const failed = () => new StorageError("unavailable", "The storage is broken by a test.");

  const accept: Storage["accept"] = (event, signal, lease) => {
    asked++;
    if (condition === "throws") throw failed();
    if (condition === "rejects" || condition === "half") return Promise.reject(failed());
    if (condition === "hangs") return forever();
    if (refused.has(event.id)) return Promise.reject(new Error("refused by a test"));
    const accepting = storage.accept(event, signal, lease).then((acceptance) => {
      taken.push(event.id);
      return acceptance;
    });
    return condition === "silent" ? accepting.then(forever) : accepting;
  };

  return {
    storage: {
      ...storage,
      accept,
      ping: () => {
        if (condition === "hangs" || condition === "silent") return forever();
        if (condition === "rejects" || condition === "throws") return Promise.reject(failed());
        return storage.ping();
      },
    },
    is: (next) => condition = next,
    refused,
    taken,
    asked: () => asked,
  };
}
