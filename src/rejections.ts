import { pause, within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import { createRejectionId } from "./event-id.ts";
import { toHex } from "./hex.ts";
import type { Logger } from "./logger.ts";
import type { NewRejection, RejectionLimits } from "./storage/rejections.ts";
import type { Storage } from "./storage/storage.ts";
import { createTokenBucket, type TokenBucket } from "./token-bucket.ts";

/** How much is kept of what was refused for its signature. */
export interface RejectionOptions extends Partial<RejectionLimits> {
  /**
   * How fast requests are kept: of what comes faster nothing is. Each costs a token for every 64 KiB
   * begun. Default 200 at once and then 10 a minute, by {@linkcode createRejectionRate}. Hand the
   * same one to receivers that share a limit, for instance where each request gets its own receiver.
   */
  readonly rate?: TokenBucket;
}

/** A request whose signature is well formed, and wrong. */
export interface RefusedRequest {
  /** In milliseconds since 1970. */
  readonly receivedAt: number;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Keeps refused requests beside the answers, which never wait for it. */
export interface RejectionKeeper {
  /** Keeps one if the rate allows it. Resolves, and never rejects, once that is done or has failed. */
  keep(request: RefusedRequest): Promise<void>;
  /** Resolves when nothing is being kept any more, or after so many milliseconds. */
  idle(withinMs: number): Promise<void>;
}

const limitNames = ["maxCount", "maxBytes", "maxAgeMs"] as const;

const tokenBytes = 65_536;
// Few: good requests need the storage's connections too.
const writers = 4;
// Each holds a body in memory. More than these wait only for a storage that does not answer.
const maxWaiting = 250;
const writeWithinMs = 10_000;
const logEveryMs = 60_000;

/** What is wrong with the options: a sentence each, which begins with the option's name. */
export function rejectionProblems(options: RejectionOptions | false | undefined): string[] {
  if (options === undefined || options === false) return [];
  if (typeof options !== "object" || options === null) {
    return ["rejections: expected an object, or false"];
  }
  if (options.rate !== undefined && typeof options.rate?.take !== "function") {
    return ["rejections.rate: expected what createRejectionRate() makes"];
  }
  return limitNames.flatMap((name) => {
    const value = options[name];
    const fits = value === undefined || Number.isSafeInteger(value) && value >= 1;
    return fits ? [] : [`rejections.${name}: expected a whole number of at least 1, got ${value}`];
  });
}

/**
 * The default of {@linkcode RejectionOptions.rate}. A wrong secret is noticed by the results that
 * fail to come, mostly those of one batch: 200 of them are all kept. A flood of forged requests
 * costs that once, and 10 writes a minute.
 */
export function createRejectionRate(): TokenBucket {
  return createTokenBucket(200, 10);
}

export function createRejectionKeeper(
  { storage, options: { rate = createRejectionRate(), ...limits }, logger }: {
    readonly storage: Storage;
    readonly options: RejectionOptions;
    readonly logger: Logger;
  },
): RejectionKeeper {
  const { maxCount = 1_000, maxBytes = 16 * 1_048_576, maxAgeMs = 24 * 3_600_000 } = limits;
  const waiting: { readonly rejection: NewRejection; readonly done: () => void }[] = [];
  const pending = new Set<Promise<void>>();
  let writing = 0;
  const failed = atMostEvery(logEveryMs, (message, fields) => logger.error(message, fields));
  const dropped = atMostEvery(logEveryMs, (message) => logger.warn(message));
  const told = atMostEvery(logEveryMs, (message, fields) => logger.warn(message, fields));

  const write = async (rejection: NewRejection) => {
    try {
      const adding = storage.rejections.add(rejection, { maxCount, maxBytes, maxAgeMs });
      await within(adding, writeWithinMs, () => new Error("the storage was too slow"));
      told(
        "kept a request whose signature is wrong: if it is the secret that is wrong, correct " +
          "it and verify again what was kept",
        { id: rejection.id },
      );
    } catch (error) {
      failed("a refused request was not kept", { error: describeError(error) });
    }
  };

  const work = async () => {
    writing++;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      // The answers go first: a storage may write on this very thread.
      await pause(0);
      await write(next.rejection);
      next.done();
    }
    writing--;
  };

  return {
    async keep({ receivedAt, signature, bytes }) {
      const tokens = Math.max(1, Math.ceil(bytes.byteLength / tokenBytes));
      if (bytes.byteLength > maxBytes || waiting.length >= maxWaiting || !rate.take(tokens)) {
        dropped("too many refused requests: not every one is kept");
        return;
      }
      const id = createRejectionId(receivedAt);
      const rejection = { id, receivedAt, signature: toHex(signature), body: bytes };
      const kept = new Promise<void>((done) => waiting.push({ rejection, done }));
      pending.add(kept);
      if (writing < writers) void work();
      await kept;
      pending.delete(kept);
    },
    async idle(withinMs) {
      const late = () => new Error("late");
      await within(Promise.all(pending), withinMs, late).catch(() => {
        logger.warn("some refused requests were not kept in time");
      });
    },
  };
}

function atMostEvery(milliseconds: number, log: Logger["warn"]): Logger["warn"] {
  let last = -Infinity;
  return (message, fields) => {
    if (performance.now() - last < milliseconds) return;
    last = performance.now();
    log(message, fields);
  };
}
