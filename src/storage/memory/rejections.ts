// The contract is asynchronous and a Map is not; `async` makes a failure a rejection.
// deno-lint-ignore-file require-await
import type { NewRejection, Rejections } from "../rejections.ts";

interface Kept extends NewRejection {
  readonly sequence: number;
  readonly storedAt: number;
}

/** Rejections in memory. */
export interface MemoryRejections {
  readonly rejections: Rejections;
  count(): number;
}

/** Keeps rejections in memory. */
export function createRejections(now: () => number): MemoryRejections {
  // In the order in which they were stored.
  const kept = new Map<string, Kept>();
  let sequence = 0;
  let bytes = 0;

  const forget = (id: string) => {
    bytes -= kept.get(id)?.body.byteLength ?? 0;
    kept.delete(id);
  };

  return {
    rejections: {
      async add(rejection, { maxCount, maxBytes, maxAgeMs }) {
        const storedAt = now();
        const { byteLength } = rejection.body;
        if (!kept.has(rejection.id) && byteLength <= maxBytes) {
          const body = rejection.body.slice();
          kept.set(rejection.id, { ...rejection, body, sequence: ++sequence, storedAt });
          bytes += byteLength;
        }
        for (const [id, each] of kept) {
          const old = each.storedAt + maxAgeMs <= storedAt;
          if (old || kept.size > maxCount || bytes > maxBytes) forget(id);
        }
      },

      async list({ limit, cursor }) {
        const rest = [...kept.values()].filter((each) => each.sequence > Number(cursor ?? 0));
        const page = rest.slice(0, limit);
        const last = rest.length > limit ? page.at(-1) : undefined;
        return {
          rejections: page.map(({ id, receivedAt, signature, body }) => ({
            id,
            receivedAt,
            signature,
            size: body.byteLength,
          })),
          nextCursor: last ? String(last.sequence) : null,
        };
      },

      body: async (id) => kept.get(id)?.body.slice(),

      async remove(id) {
        forget(id);
      },
    },

    count: () => kept.size,
  };
}
