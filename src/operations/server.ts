import { isLoopback } from "../loopback.ts";

/** A running receiver, and what it asks of those who operate it. */
export interface Server {
  /** What stands before `/admin`, such as `https://example.com` or `https://example.com/hooks`. */
  readonly url: string;
  /** The `ADMIN_TOKEN` that it was started with. */
  readonly token: string;
}

/** What is wrong with a receiver's URL, or `undefined`. */
export function serverUrlProblem(url: unknown): string | undefined {
  const expected = "expected an https: URL such as https://example.com, without /webhook or /admin";
  if (typeof url !== "string" || !URL.canParse(url)) return expected;
  const { protocol, hostname, username, password, search, hash } = new URL(url);
  if (username || password) return "expected a URL without credentials: ADMIN_TOKEN holds them";
  if (search || hash) return "expected a URL without a query and a fragment";
  if (protocol === "http:" && !isLoopback(hostname)) {
    return "expected an https: URL, for over http: the token could be read; what has no TLS is " +
      "reached by a tunnel, such as `ssh -L 5000:127.0.0.1:5000 <host>` and http://127.0.0.1:5000";
  }
  return /^https?:$/.test(protocol) ? undefined : expected;
}

/** Why a running receiver did not do what was asked: stable, for machines. */
export type ServerErrorCode =
  | "unreachable"
  | "timeout"
  | "unauthorized"
  | "no_admin"
  | "busy"
  | "failed"
  | "unreadable_answer";

/** A running receiver that did not do what was asked. Its message says what to do, and holds no token. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
