import type { Claim, Lease, Storage, StoredEvent } from "../../src/storage/storage.ts";

/** Something that is done wrong on purpose, to see that it is noticed. */
export interface Mistake {
  /** What it makes of the database. */
  readonly primary?: (storage: Storage) => Storage;
  /** What it makes of a machine's spool. */
  readonly spool?: (storage: Storage) => Storage;
  /** What it makes of the database as a process sees it. */
  readonly connected?: (storage: Storage) => Storage;
}

const deliveryOf = ({ eventId, processor }: Lease) => `${eventId} ${processor}`;

/** Each of them is a bug that a storage, or what uses one, may have. */
export const mistakes: Readonly<Record<string, Mistake>> = {
  "answer before commit": {
    connected: (storage) => ({
      ...storage,
      accept({ id, state, ...event }, signal) {
        // In an async function: a storage may throw.
        (async () => await storage.accept({ id, state, ...event }, signal))().catch(() => {});
        return Promise.resolve({ id, duplicate: false, state, identical: true });
      },
    }),
  },

  "complete without fence": {
    primary(storage) {
      const latest = new Map<string, Claim>();
      return {
        ...storage,
        async claim(request) {
          const result = await storage.claim(request);
          for (const claim of result.claims) latest.set(deliveryOf(claim), claim);
          return result;
        },
        settle: (lease, outcome) => storage.settle(latest.get(deliveryOf(lease)) ?? lease, outcome),
      };
    },
  },

  "dedupe by check-then-insert": {
    connected: (storage) => ({
      ...storage,
      async accept(event, signal) {
        const { events } = await storage.list({ limit: 1_000 });
        const first = events.find(({ key }) => key.split("|")[0] === event.key);
        if (first === undefined) {
          return await storage.accept({ ...event, key: `${event.key}|${event.id}` }, signal);
        }
        const { id, state } = first;
        return { id, state, duplicate: id !== event.id, identical: true };
      },
    }),
  },

  "attempt not counted at the claim": {
    primary(storage) {
      const ended = new Map<string, number>();
      const endedOf = (lease: Lease) => ended.get(deliveryOf(lease)) ?? 0;
      return {
        ...storage,
        async claim(request) {
          const most = Number.MAX_SAFE_INTEGER;
          const result = await storage.claim({ ...request, maxAttempts: most });
          const claims = result.claims.map((claim) => ({ ...claim, attempt: endedOf(claim) + 1 }));
          return { ...result, claims };
        },
        async settle(lease, outcome) {
          const held = await storage.settle(lease, outcome);
          if (held && outcome.kind === "retry") ended.set(deliveryOf(lease), endedOf(lease) + 1);
          return held;
        },
      };
    },
  },

  "spool moved without its key": {
    spool: (storage) => ({
      ...storage,
      async get(id) {
        const event = await storage.get(id);
        return event && withoutKey(event);
      },
    }),
  },

  "superseded ignored": {
    primary(storage) {
      const hidden = " failed";
      const shown = <T extends StoredEvent>(event: T): T => ({
        ...event,
        jobId: event.jobId?.replace(hidden, "") ?? null,
      });
      return {
        ...storage,
        accept(event, signal) {
          const jobId = event.event === "job.failed" ? `${event.jobId}${hidden}` : event.jobId;
          return storage.accept({ ...event, jobId }, signal);
        },
        async list(query) {
          const page = await storage.list(query);
          return { ...page, events: page.events.map(shown) };
        },
      };
    },
  },
};

/** What a spool holds of an event is one text in the place of its pattern. */
function withoutKey(event: StoredEvent): StoredEvent {
  const sealed = { ...JSON.parse(event.patternId ?? "{}"), key: `moved:${event.id}` };
  return { ...event, patternId: JSON.stringify(sealed) };
}
