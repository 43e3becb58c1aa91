import { pause } from "../deadline.ts";
import { sourceOf } from "./cross-site.ts";
import { createSessions, sessionSeconds } from "./sessions.ts";

/** Who may see and steer a receiver: whoever has its token, or a session that was got for it. */
export interface Access {
  /**
   * Whether the request bears the token: `Authorization: Bearer …`. Takes a second where it bears
   * another one; one that bears none is no attempt.
   *
   * @throws {TooManyAttempts} where many wrong ones are waiting: never for the right one.
   */
  bears(request: Request): Promise<boolean>;
  /** Whether the request belongs to a session. */
  isSignedIn(request: Request): Promise<boolean>;
  /**
   * The `Set-Cookie` header of a new session, if the token is right; else undefined, a second later.
   *
   * @throws {TooManyAttempts} as `bears`.
   */
  signIn(token: string, request: Request): Promise<string | undefined>;
  /**
   * Ends the session; the `Set-Cookie` header that forgets it. A copy of the cookie is refused by this
   * process from now on; another process that has the same token cannot know of it, and takes a copy
   * until its 12 hours are over, or the token changes.
   */
  signOut(request: Request): Promise<string>;
}

/** What {@linkcode createAccess} takes. */
export interface AccessOptions {
  /** As `adminTokenProblem` wants it. */
  readonly token: string;
  /** Below this path the session counts. */
  readonly cookiePath: string;
}

/** More wrong tokens came at once than are looked at: ask again in a second. */
export class TooManyAttempts extends Error {
  override readonly name = "TooManyAttempts";

  constructor() {
    super("Too many wrong tokens came at once. Try again in a second.");
  }
}

const cookieName = "imggo_webhooks_session";
const failureMs = 1_000;
const maxFailing = 100;

/** Guards what is only for those who have the token. Nothing is stored for it. */
export function createAccess({ token, cookiePath }: AccessOptions): Access {
  const sessions = createSessions(token);
  // When each wrong one is answered, as a request that is broken off may never tell its end.
  let failing: number[] = [];

  const isToken = async (given: string): Promise<boolean> => {
    if (await isEqual(given, token)) return true;
    const now = performance.now();
    failing = failing.filter((until) => until > now);
    if (failing.length >= maxFailing) throw new TooManyAttempts();
    failing.push(now + failureMs);
    await pause(failureMs);
    return false;
  };

  const cookie = (value: string, seconds: number, request: Request) =>
    `${cookieName}=${value}; Path=${cookiePath}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${
      cameByTls(request) ? "; Secure" : ""
    }`;

  return {
    async bears(request) {
      const [, given] = /^Bearer +(.+)$/i.exec(request.headers.get("Authorization") ?? "") ?? [];
      return given !== undefined && await isToken(given);
    },

    async isSignedIn(request) {
      for (const session of sessionsIn(request)) {
        if (await sessions.isOpen(session)) return true;
      }
      return false;
    },

    async signIn(given, request) {
      // What was pasted may bring a line break along.
      if (!await isToken(given.trim())) return undefined;
      return cookie(await sessions.begin(), sessionSeconds, request);
    },

    async signOut(request) {
      for (const session of sessionsIn(request)) await sessions.end(session);
      return cookie("", 0, request);
    },
  };
}

/** Whether a request that changes something comes from another site, or may: nothing tells. */
export function isForeign(request: Request): boolean {
  return sourceOf(request) !== "same-origin";
}

/** Takes as long whatever is equal of them, and however long they are: digests are compared. */
async function isEqual(one: string, other: string): Promise<boolean> {
  const [a = new Uint8Array(), b = new Uint8Array()] = await Promise.all(
    [one, other].map(async (text) =>
      new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
    ),
  );
  return a.reduce((difference, byte, index) => difference | byte ^ (b[index] ?? 0), 0) === 0;
}

/** Sessions that the request's cookies name: more than one, where another site of the domain adds some. */
function sessionsIn(request: Request): string[] {
  return (request.headers.get("Cookie") ?? "").split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookieName}=`))
    .map((pair) => pair.slice(cookieName.length + 1))
    .slice(0, 10);
}

/** Whether the browser came by `https:`, perhaps to a proxy that ends it. */
function cameByTls(request: Request): boolean {
  const forwarded = request.headers.get("X-Forwarded-Proto") ??
    /\bproto="?(\w+)/i.exec(request.headers.get("Forwarded") ?? "")?.[1] ?? "";
  return new URL(request.url).protocol === "https:" || /^\s*https\b/i.test(forwarded);
}
