import { adminTokenProblem } from "./admin-token.ts";
import { type Access, createAccess } from "./admin/access.ts";
import { apiRoutes } from "./admin/api.ts";
import { forBearer } from "./admin/guard.ts";
import { pageRoutes } from "./admin/pages.ts";
import { createTally } from "./admin/tally.ts";
import { answerMetrics, createMetrics } from "./metrics/metrics.ts";
import type { Plugin, Route } from "./plugin.ts";
import { observerOf } from "./telemetry.ts";

/** What {@linkcode admin} takes. */
export interface AdminOptions {
  /**
   * What operators show to be let in: at least 24 ASCII characters, without white space around them.
   * Make one by `openssl rand -hex 24`.
   */
  readonly token: string;
}

/**
 * What operators see of a receiver and do with it: the pages at `/admin`, the API below `/admin/api`,
 * and `/metrics`.
 *
 * Make it once, for all receivers of a process: it remembers what was counted, which sessions were
 * ended, and how many wrong tokens come.
 *
 * @throws {TypeError} when the token is weak or has white space around it.
 *
 * @example
 * ```ts
 * const receiver = createReceiver({ secret, storage, plugins: [admin({ token })] });
 * ```
 */
export function admin({ token }: AdminOptions): Plugin {
  const problem = adminTokenProblem(token);
  if (problem !== undefined) throw new TypeError(`admin(): token: ${problem}.`);
  const tally = createTally();
  const metrics = createMetrics();
  const accesses = new Map<string, Access>();

  return (host) => {
    const cookiePath = `${host.basePath}/admin`;
    const access = accesses.get(cookiePath) ?? createAccess({ token, cookiePath });
    accesses.set(cookiePath, access);
    const { observer, flush } = tally(host);
    const scrape: Route = {
      path: "/metrics",
      methods: ["GET", "HEAD"],
      handle: (request) => answerMetrics(metrics, host, request),
    };
    return {
      routes: [forBearer(access, scrape), ...apiRoutes(host, access), ...pageRoutes(host, access)],
      observer: observerOf([observer, metrics.observer]),
      flush,
    };
  };
}
