/** One request as a client made it. */
export interface ScriptedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  /** By `performance.now()`. */
  readonly at: number;
}

/** What is answered: a response, or a failure of the network. */
export type Script = (
  request: ScriptedRequest,
  signal: AbortSignal,
) => Response | Promise<Response>;

/** A `fetch` that answers as it is told, and keeps what it was asked. */
export interface ScriptedFetch {
  readonly fetch: typeof fetch;
  readonly requests: readonly ScriptedRequest[];
}

/** A `fetch` whose answers come from a list; the last one of it for ever. */
export function scriptedFetch(...scripts: readonly Script[]): ScriptedFetch {
  const requests: ScriptedRequest[] = [];
  return {
    requests,
    async fetch(input, init) {
      const request = {
        method: init?.method ?? "GET",
        url: String(input),
        headers: new Headers(init?.headers),
        body: String(init?.body ?? ""),
        at: performance.now(),
      };
      const script = scripts[Math.min(requests.length, scripts.length - 1)];
      requests.push(request);
      if (script === undefined || !init?.signal) throw new Error("There is nothing to answer.");
      return await script(request, init.signal);
    },
  };
}

/** Answers with JSON, or with text as it is. */
export const answering =
  (status: number, body: unknown, headers: Record<string, string> = {}): Script => () =>
    new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });

/** Fails as a runtime's `fetch` does where there is no network. */
export const unreachable: Script = () => {
  throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
};

/** Never answers. */
export const silent: Script = (_, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
