import process from "node:process";
import type { Config } from "../../config.ts";
import { within } from "../../deadline.ts";
import { loadConfig } from "../../entry/load-config.ts";
import {
  readImgGoSettings,
  readSettings,
  readStorageSettings,
  SettingsError,
} from "../../settings.ts";
import { StorageError } from "../../storage/storage.ts";
import { withDevSecret } from "../dev-session.ts";
import { openExisting } from "../storage.ts";
import type { Situation } from "./check.ts";

const storageWithinMs = 15_000;

/** Gathers what there is to look at: each part of it, whatever is wrong with the others. */
export async function gatherSituation(
  configFile: string | undefined,
  url: URL | undefined,
): Promise<Situation> {
  const [config, unreadable] = await attempt(() => loadConfig(configFile));
  const read = <T>(reader: (env: typeof process.env, config: Config) => T) =>
    attempt(() => {
      if (config === undefined) throw unreadable;
      return reader(process.env, withDevSecret(config));
    });
  const [settings, problem] = await read(readSettings);
  const [storageSettings] = await read(readStorageSettings);
  const [storage, storageError] = storageSettings === undefined
    ? []
    : await attempt(() => inTime(openExisting(storageSettings.storage)));
  const counted = storage && await attempt(() => inTime(storage.stats()));
  return {
    settings,
    problems: problem instanceof SettingsError ? problem.problems : [],
    storageSettings,
    storage,
    storageError: storageError ?? counted?.[1],
    stats: counted?.[0],
    imggo: settings?.imggo ?? (await read(readImgGoSettings))[0],
    url,
  };
}

/** What came of something, or why nothing did. */
export async function attempt<T>(
  work: () => T | Promise<T>,
): Promise<[value: T, error: undefined] | [value: undefined, error: unknown]> {
  try {
    return [await work(), undefined];
  } catch (error) {
    return [undefined, error];
  }
}

/** What a storage answers, if it does so within 15 s. */
export function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = () => new StorageError("unavailable", "The storage did not answer within 15 s.");
  return within(answer, storageWithinMs, late);
}
