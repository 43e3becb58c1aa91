import type { D1Database } from "../storage/d1/database.ts";
import { createReceiving } from "../storage/d1/receiving.ts";
import { createSession } from "../storage/d1/session.ts";
import type { Storage } from "../storage/storage.ts";

/** How a Worker gets the rest. */
export const expectedD1Storage =
  "expected cloudflare(config, { d1Storage }), from imggo-webhooks/storage/d1";

const refuse = () => Promise.reject(new Error(expectedD1Storage));

/** Methods that refuse, by these names. */
const refusing = <Name extends string>(...names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, refuse])) as Record<Name, typeof refuse>;

/**
 * As much of {@linkcode d1Storage} as a Worker takes by itself: it receives, and works through what
 * came. The rest is more than half of the storage, and is handed in where something needs it.
 */
export function receivingStorage(database: D1Database): Storage {
  const receiving = createReceiving(createSession(database), Date.now);
  return {
    ...receiving,
    ...refusing("get", "attempts", "body", "list", "prune", "stats"),
    ...refusing("redeliver", "redrive", "countDead", "deadGroups"),
    activity: refusing("add", "list"),
    expectations: refusing("add", "claim", "postpone", "list"),
    rejections: { ...receiving.rejections, ...refusing("list", "body", "remove") },
  };
}
