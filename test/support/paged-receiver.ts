import {
  createReceiver,
  PermanentError,
  type Processor,
  type Receiver,
  type ReceiverOptions,
  type Storage,
} from "imggo-webhooks";
import { admin } from "imggo-webhooks/admin";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { secret, signedRequest } from "./signed-request.ts";

/** What operators show. */
export const token = "a token only for these tests";

/** A receiver with pages, and what a test does with it. */
export interface PagedReceiver {
  readonly receiver: Receiver;
  readonly storage: Storage;
  /** Sends this, signed; the id under which it is stored. */
  readonly send: (payload: unknown) => Promise<string>;
  /** Sends this with a signature that does not fit. */
  readonly forge: (payload: unknown) => Promise<void>;
}

export function pagedReceiver(options: Partial<ReceiverOptions> = {}): PagedReceiver {
  const { storage = memoryStorage(), basePath = "" } = options;
  const receiver = createReceiver({
    secret,
    storage,
    plugins: [admin({ token })],
    ...options,
  });
  const url = `http://localhost${basePath}/webhook`;
  return {
    receiver,
    storage,
    async send(payload) {
      const response = await receiver.fetch(await signedRequest(payload, { url }));
      return ((await response.json()) as { id: string }).id;
    },
    async forge(payload) {
      const forged = await signedRequest(payload, { url, secret: "another secret, not ours" });
      await receiver.fetch(forged);
    },
  };
}

/** Processors that do what a test says while it runs. */
export function switchable(): { readonly processor: Processor; fails: string | undefined } {
  const state = {
    fails: undefined as string | undefined,
    processor: () => {
      if (state.fails !== undefined) throw new PermanentError(state.fails);
    },
  };
  return state;
}
