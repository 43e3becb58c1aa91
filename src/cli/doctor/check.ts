import type { Settings, StorageSettings } from "../../settings.ts";
import type { Storage, StorageStats } from "../../storage/storage.ts";

/** What a check found. */
export interface Finding {
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** One sentence. */
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
  /** What else JSON tells. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** One thing that is looked at. */
export interface Check {
  readonly name: string;
  readonly run: (situation: Situation) => Finding | Promise<Finding>;
}

/** What there is to look at. What is undefined could not be had; the check of that says why. */
export interface Situation {
  readonly settings: Settings | undefined;
  /** What is wrong with the settings, a line each. */
  readonly problems: readonly string[];
  readonly storageSettings: StorageSettings | undefined;
  readonly storage: Storage | undefined;
  /** Why the storage does not open. */
  readonly storageError: unknown;
  readonly stats: StorageStats | undefined;
  readonly imggo: Settings["imggo"] | undefined;
  /** Where the webhook is reached from outside. */
  readonly url: URL | undefined;
}

/** What a check says that has nothing to look at. */
export function skipped(why: string): Finding {
  return { status: "skipped", message: why };
}
