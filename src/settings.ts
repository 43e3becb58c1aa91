import type { Config } from "./config.ts";
import { apiKeyProblem } from "./imggo/options.ts";
import { type Form, got, text, wholeNumber } from "./settings/forms.ts";
import {
  type Always,
  type Environment,
  gather,
  type Gathered,
  type Maybe,
  optional,
  read,
  required,
  setting,
} from "./settings/read.ts";
import {
  apiSettings,
  forwardOf,
  forwardProblems,
  forwardSettings,
  problemsBeside,
  type ReceiverSettings,
  receiverSettings,
  receiverSettingsOf,
} from "./settings/receiver.ts";
import type { Storage } from "./storage/storage.ts";
import { expectedStorageUrl, parseStorageUrl } from "./storage/url.ts";

export { type Environment, SettingsError } from "./settings/read.ts";

/** The settings of a server, complete and checked. */
export interface Settings extends ReceiverSettings {
  readonly port: number;
  readonly host: string;
  /** A URL for `openStorage`, or a storage that the configuration brings. */
  readonly storage: string | Storage;
  /** What takes events while the storage fails: a URL of a SQLite file, or a storage. */
  readonly spool: string | Storage | undefined;
}

/** What talks to ImgGo's API goes by: it needs the key to it, and not the webhook's secret. */
export interface ImgGoSettings {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly requestsPerMinute: number;
  /** Where the receiver's webhook is. */
  readonly path: string;
}

/** What works on the storage goes by: it needs no secret. */
export type StorageSettings = Pick<Settings, "storage" | "spool" | "forward">;

const defaultStorageUrl = "sqlite:./imggo-webhooks.db";

const isStorage = (value: unknown): value is Storage =>
  typeof (value as Storage | null)?.accept === "function" &&
  typeof (value as Storage).ping === "function";

/** The file that a URL names, if that is one which lasts. */
const sqliteFile = (url: unknown): string | undefined => {
  const location = typeof url === "string" ? parseStorageUrl(url) : undefined;
  const path = location?.kind === "sqlite" ? location.path : ":memory:";
  return path === ":memory:" ? undefined : path;
};

/** A URL, or a storage of the configuration. */
const place =
  (isUrl: (url: string) => boolean, problem: string): Form<string | Storage> => (value) =>
    isStorage(value) || typeof value === "string" && isUrl(value) ? { value } : { problem };

const storageSettings: Always<"storage"> & Maybe<"spool"> & typeof forwardSettings = {
  storage: setting(
    "STORAGE_URL",
    place((url) => parseStorageUrl(url) !== undefined, expectedStorageUrl),
    defaultStorageUrl,
  ),
  spool: optional(
    "SPOOL_URL",
    place(
      (url) => sqliteFile(url) !== undefined,
      "expected sqlite:<path>, a file on a disk of this machine",
    ),
  ),
  ...forwardSettings,
};

const serverSettings: Always<"port" | "host"> & typeof receiverSettings & typeof storageSettings = {
  ...receiverSettings,
  ...storageSettings,
  port: setting("PORT", wholeNumber(0, 65_535), 5000),
  host: setting(
    "HOST",
    text((host) => /^[^\s/]+$/.test(host) ? undefined : `expected a host name, ${got(host)}`),
    "0.0.0.0",
  ),
};

const clientSettings: Always<"imggoApiKey"> & typeof apiSettings = {
  ...apiSettings,
  imggoApiKey: required("IMGGO_API_KEY", text(apiKeyProblem)),
};

/**
 * Makes settings of an environment and a configuration; of two values for one setting that of the
 * environment counts. An empty variable is one that is not set.
 *
 * @throws {SettingsError} which names every bad setting.
 */
export function readSettings(env: Environment, config: Config = {}): Settings {
  const gathered = gatherPlaced(serverSettings, env, config);
  const problems = [...spoolProblems(gathered), ...problemsBeside(gathered, config)];
  const values = read(serverSettings, gathered, problems);
  const { port, host, storage, spool } = values;
  return { ...receiverSettingsOf(values), port, host, storage, spool };
}

/**
 * The same, of just those settings that talking to ImgGo's API takes.
 *
 * @throws {SettingsError} which names every bad one of them.
 */
export function readImgGoSettings(env: Environment, config: Config = {}): ImgGoSettings {
  const values = read(clientSettings, gather(clientSettings, env, config));
  return {
    apiKey: values.imggoApiKey,
    baseUrl: values.imggoBaseUrl,
    requestsPerMinute: values.imggoRequestsPerMinute,
    path: values.path,
  };
}

/**
 * The same, of just those settings that working on the storage takes, with the processors' names.
 *
 * @throws {SettingsError} which names every bad one of them.
 */
export function readStorageSettings(env: Environment, config: Config = {}): StorageSettings {
  const gathered = gatherPlaced(storageSettings, env, config);
  const problems = [...spoolProblems(gathered), ...forwardProblems(gathered, config)];
  const values = read(storageSettings, gathered, problems);
  return { storage: values.storage, spool: values.spool, forward: forwardOf(values) };
}

/** Gathers, and finds the storage also where a platform names it. */
function gatherPlaced<Of extends typeof storageSettings>(
  settings: Of,
  env: Environment,
  config: Config,
): Gathered<keyof Of> {
  const gathered = gather(settings, env, config);
  if (gathered.storage.value !== undefined) return gathered;
  // What many platforms set for an app that has a database.
  if (env["DATABASE_URL"]) {
    const hint = "; STORAGE_URL goes before it";
    return { ...gathered, storage: { value: env["DATABASE_URL"], label: "DATABASE_URL", hint } };
  }
  // Deno Deploy has no disk; what it brings without a database is this.
  if (env["DENO_DEPLOY"]) return { ...gathered, storage: { value: "kv:", label: "STORAGE_URL" } };
  return gathered;
}

function spoolProblems({ spool, storage }: Gathered<"spool" | "storage">): string[] {
  const { value: place = defaultStorageUrl } = storage;
  const plain = (path: string | undefined) => path?.replace(/^(?:\.\/+)+/, "");
  const file = plain(sqliteFile(spool.value));
  const same = isStorage(spool.value) && spool.value === place ||
    file !== undefined && file === plain(sqliteFile(place));
  return same ? [`${spool.label}: expected another place than the storage's`] : [];
}
