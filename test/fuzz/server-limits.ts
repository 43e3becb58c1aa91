import type { runtimes } from "../support/process.ts";

/** What a runtime's own HTTP server does not take, though a client may send it. */
export interface ServerLimits {
  /** Why it does not answer requests that are sent before the one before them is answered. */
  readonly pipelining?: string;
  /** Why it does not take fields behind a body. */
  readonly trailers?: string;
}

/** Those of each runtime: no code of ours can change them. */
export const serverLimits: Readonly<Record<keyof typeof runtimes, ServerLimits>> = {
  node: {},
  bun: {
    pipelining: "It closes on a POST that comes before the one before it is answered.",
    trailers: "It answers them 400.",
  },
  deno: {},
};
