import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Config } from "../config.ts";

/** What `dev` leaves in the working folder, so that the other verbs find it without arguments. */
export interface DevSession {
  /** Where the server listens, or listened last. */
  readonly url?: string;
  /** The secret that was made for this folder. It stays, so that a registration stays good. */
  readonly secret?: string;
  /** Whether the server uses that secret, and not one that was set for it. */
  readonly usesSecret?: boolean;
  /** The token for operators that was made for this folder. */
  readonly adminToken?: string;
  /** Whether the server uses that token, and not one that was set for it. */
  readonly usesAdminToken?: boolean;
}

const folder = ".imggo-webhooks";

/** Where the session is kept. */
export const devSessionFile: string = `${folder}/dev.json`;

/** The session of the working folder; empty where there is none. */
export function readDevSession(): DevSession {
  try {
    const { url, secret, usesSecret, adminToken, usesAdminToken } = JSON.parse(
      readFileSync(devSessionFile, "utf8"),
    );
    return {
      ...(typeof url === "string" && { url }),
      ...(typeof secret === "string" && { secret }),
      ...(typeof usesSecret === "boolean" && { usesSecret }),
      ...(typeof adminToken === "string" && { adminToken }),
      ...(typeof usesAdminToken === "boolean" && { usesAdminToken }),
    };
  } catch {
    return {};
  }
}

/** A configuration, where it names no secret with the one that `dev` made and uses in this folder. */
export function withDevSecret(config: Config): Config {
  const { usesSecret, secret } = readDevSession();
  return { ...(usesSecret && secret && { secret }), ...config };
}

/** Keeps a session, readable by its owner only and out of git. */
export function writeDevSession(session: DevSession): void {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(`${folder}/.gitignore`)) writeFileSync(`${folder}/.gitignore`, "*\n");
  writeFileSync(devSessionFile, `${JSON.stringify(session, null, 2)}\n`, { mode: 0o600 });
  // A file that was there already keeps its mode when it is written.
  chmodSync(devSessionFile, 0o600);
}
