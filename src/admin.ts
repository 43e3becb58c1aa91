import { adminTokenProblem } from "./admin-token.ts";
import { type Access, createAccess } from "./admin/access.ts";
import { apiRoutes } from "./admin/api.ts";
import { createTally } from "./admin/tally.ts";
import type { Plugin } from "./plugin.ts";

/** What {@linkcode admin} takes. */
export interface AdminOptions {
  /**
   * What operators show to be let in: at least 24 ASCII characters, without white space around them.
   * Make one by `openssl rand -hex 24`.
   */
  readonly token: string;
}

/**
 * What operators see of a receiver and do with it: the API below `/admin/api`, and counts of what
 * happens there, minute by minute.
 *
 * Make it once, for all receivers of a process: it remembers which sessions were ended, and how many
 * wrong tokens come.
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
  const accesses = new Map<string, Access>();

  return (host) => {
    const cookiePath = `${host.basePath}/admin`;
    const access = accesses.get(cookiePath) ?? createAccess({ token, cookiePath });
    accesses.set(cookiePath, access);
    return {
      routes: apiRoutes(host, access),
      ...tally(host),
    };
  };
}
