import type { ImgGoClient } from "../imggo.ts";
import { createReceiver, type Receiver } from "../receiver.ts";
import { ExpectedError } from "./expected-error.ts";
import type { OpenStorage } from "./storage.ts";

/**
 * A receiver that stores as those of these settings do, and processes nothing: that is left to a
 * server.
 *
 * @throws {ExpectedError} where the configuration names what no receiver takes.
 */
export function quietReceiver(
  { storage, processors, config: { dedupeKey } }: OpenStorage,
  { secrets, imggo }: { readonly secrets?: readonly string[]; readonly imggo?: ImgGoClient },
): Receiver {
  try {
    return createReceiver({
      // Where nothing is to be verified, one that nobody knows.
      secrets: secrets ?? [crypto.randomUUID()],
      storage,
      processors,
      role: "receiver",
      ...(dedupeKey && { dedupeKey }),
      ...(imggo && { imggo }),
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ExpectedError(2, error.message, { cause: error });
  }
}
