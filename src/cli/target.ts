import process from "node:process";
import { secretProblem } from "../signature.ts";
import { readDevSession } from "./dev-session.ts";
import { ExpectedError } from "./expected-error.ts";

/** A receiver to talk to, and the secret it expects. */
export interface Target {
  readonly url: string;
  readonly secret: string;
}

/**
 * The receiver that is meant where none is named: the one of `WEBHOOK_SECRET`, `PORT` and
 * `WEBHOOK_PATH`, else the one that `dev` runs, or ran last, in this folder.
 */
export function defaultTarget(): Target {
  const { WEBHOOK_SECRET, PORT = "5000", WEBHOOK_PATH = "/webhook" } = process.env;
  const session = readDevSession();
  const secret = WEBHOOK_SECRET || session.secret;
  if (secret === undefined) {
    throw new ExpectedError(
      2,
      "Expected WEBHOOK_SECRET in the environment, or a secret that `dev` made in this folder.",
    );
  }
  const problem = secretProblem(secret);
  if (problem !== undefined) throw new ExpectedError(2, `WEBHOOK_SECRET: ${problem}`);
  const fromSession = secret === session.secret ? session.url : undefined;
  return { secret, url: fromSession ?? `http://127.0.0.1:${PORT}${WEBHOOK_PATH}` };
}
