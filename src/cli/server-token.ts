import process from "node:process";
import { adminTokenProblem } from "../admin-token.ts";
import { isLoopback } from "../loopback.ts";
import { devSessionFile, readDevSession } from "./dev-session.ts";
import { ExpectedError } from "./expected-error.ts";

/**
 * The token for a running receiver: `ADMIN_TOKEN`, or, for the server of `dev`, the one that it made
 * in this folder.
 */
export function serverToken(url: string): string {
  const { ADMIN_TOKEN } = process.env;
  const token = ADMIN_TOKEN || tokenOfDev(url);
  if (token === undefined) {
    throw new ExpectedError(
      2,
      "Expected ADMIN_TOKEN in the environment: the token that the server was started with.",
    );
  }
  const problem = adminTokenProblem(token);
  if (problem === undefined) return token;
  throw new ExpectedError(2, `${ADMIN_TOKEN ? "ADMIN_TOKEN" : devSessionFile}: ${problem}.`);
}

function tokenOfDev(url: string): string | undefined {
  const { url: ofDev, adminToken, usesAdminToken } = readDevSession();
  const isDev = ofDev !== undefined && URL.canParse(ofDev) &&
    serverOf(new URL(ofDev)) === serverOf(new URL(url));
  return isDev && usesAdminToken ? adminToken : undefined;
}

/** Whose URL it is: this machine has more than one name. */
function serverOf({ protocol, hostname, port }: URL): string {
  return `${protocol}//${isLoopback(hostname) ? "localhost" : hostname}:${port}`;
}
