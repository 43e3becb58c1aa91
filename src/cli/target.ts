import process from "node:process";
import { secretProblem } from "../signature.ts";
import { devSessionFile, readDevSession } from "./dev-session.ts";
import { ExpectedError } from "./expected-error.ts";

/** A receiver to talk to, and the secret it expects. */
export interface Target {
  readonly url: string;
  readonly secret: string;
  /** Where the secret is from. */
  readonly secretFrom: string;
}

/**
 * The receiver that is meant where none is named. Its secret: `WEBHOOK_SECRET`, else the one that
 * `dev` made in this folder. Its URL: that of `PORT` and `WEBHOOK_PATH` on this machine where one of
 * them is set, else where `dev` listens with that secret, else the default port.
 */
export function defaultTarget(): Target {
  const { WEBHOOK_SECRET, PORT, WEBHOOK_PATH } = process.env;
  const session = readDevSession();
  const ofDev = session.usesSecret ? session.secret : undefined;
  const secret = WEBHOOK_SECRET || ofDev;
  if (secret === undefined) {
    throw new ExpectedError(
      2,
      session.url === undefined
        ? "Expected WEBHOOK_SECRET in the environment, or a secret that `dev` made in this folder."
        : "Expected WEBHOOK_SECRET in the environment: the one that `dev` was started with.",
    );
  }
  const secretFrom = WEBHOOK_SECRET ? "WEBHOOK_SECRET" : devSessionFile;
  const problem = secretProblem(secret);
  if (problem !== undefined) throw new ExpectedError(2, `${secretFrom}: ${problem}`);
  const devUrl = session.usesSecret === false || secret === ofDev ? session.url : undefined;
  const url = PORT || WEBHOOK_PATH ? undefined : devUrl;
  return {
    secret,
    secretFrom,
    url: url ?? `http://127.0.0.1:${PORT || 5000}${WEBHOOK_PATH || "/webhook"}`,
  };
}
