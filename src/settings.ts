import * as v from "valibot";
import { adminTokenProblem } from "./admin-token.ts";
import type { Config } from "./config.ts";
import { apiKeyProblem, baseUrlProblem, defaultBaseUrl } from "./imggo/options.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import { pathProblem } from "./paths.ts";
import { forwardProblem } from "./processor/forward.ts";
import { processorProblems } from "./processor/processor.ts";
import { type Role, roles } from "./role.ts";
import { checked, flag, got, oneOf, wholeNumber } from "./setting-forms.ts";
import { secretProblem } from "./signature.ts";
import type { Storage } from "./storage/storage.ts";
import { expectedStorageUrl, parseStorageUrl } from "./storage/url.ts";
import { workerProblems } from "./worker-options.ts";

/** The settings of a server, complete and checked. */
export interface Settings {
  /** The current secret and, while rotating, the previous one. */
  readonly secrets: readonly string[];
  readonly port: number;
  readonly host: string;
  readonly path: string;
  /** A URL for `openStorage`, or a storage that the configuration brings. */
  readonly storage: string | Storage;
  /** What takes events while the storage fails: a URL of a SQLite file, or a storage. */
  readonly spool: string | Storage | undefined;
  readonly forward:
    | { readonly url: string; readonly secret?: string; readonly allowPrivate: boolean }
    | undefined;
  /** ImgGo's API, and the key to it where there is one. */
  readonly imggo: {
    readonly apiKey: string | undefined;
    readonly baseUrl: string;
    readonly requestsPerMinute: number;
  };
  readonly role: Role;
  /** What lets operators in; undefined: there is nothing to be let into. */
  readonly adminToken: string | undefined;
  readonly maxBodyBytes: number;
  readonly logLevel: LogLevel;
  /** Undefined: as fits where the log goes. */
  readonly logFormat: "json" | "text" | undefined;
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

/** An environment. Names that are no settings are left alone. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Every setting that is wrong, each with what was expected. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** A line each, which begins with the setting's name. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? "A setting is" : `${problems.length} settings are`;
    super([`${count} wrong:`, ...problems.map((problem) => `  ${problem}`)].join("\n"));
    this.problems = problems;
  }
}

const defaultStorageUrl = "sqlite:./imggo-webhooks.db";

const unset =
  "expected the secret that ImgGo showed when the webhook was registered; it is not set";

const isStorage = (value: unknown): value is Storage =>
  typeof (value as Storage | null)?.accept === "function" &&
  typeof (value as Storage).ping === "function";

/** The file that a URL names, if that is one which lasts. */
const sqliteFile = (url: unknown): string | undefined => {
  const location = typeof url === "string" ? parseStorageUrl(url) : undefined;
  const path = location?.kind === "sqlite" ? location.path : ":memory:";
  return path === ":memory:" ? undefined : path;
};

// By their names in the environment.
const schema = v.object({
  WEBHOOK_SECRET: v.optional(checked((text) => text === "" ? unset : secretProblem(text)), ""),
  WEBHOOK_SECRET_PREVIOUS: v.optional(checked(secretProblem)),
  PORT: v.optional(wholeNumber(0, 65_535), 5000),
  HOST: v.optional(
    checked((host) => /^[^\s/]+$/.test(host) ? undefined : `expected a host name, ${got(host)}`),
    "0.0.0.0",
  ),
  WEBHOOK_PATH: v.optional(checked(pathProblem), "/webhook"),
  STORAGE_URL: v.optional(
    v.custom<string | Storage>(
      (value) =>
        typeof value === "string" ? parseStorageUrl(value) !== undefined : isStorage(value),
      expectedStorageUrl,
    ),
    defaultStorageUrl,
  ),
  SPOOL_URL: v.optional(
    v.custom<string | Storage>(
      (value) => sqliteFile(value) !== undefined || isStorage(value),
      "expected sqlite:<path>, a file on a disk of this machine",
    ),
  ),
  FORWARD_URL: v.optional(v.string("expected text")),
  FORWARD_SECRET: v.optional(checked(secretProblem)),
  FORWARD_ALLOW_PRIVATE: v.optional(flag, false),
  IMGGO_API_KEY: v.optional(checked(apiKeyProblem)),
  IMGGO_BASE_URL: v.optional(checked(baseUrlProblem), defaultBaseUrl),
  // The free plan's.
  IMGGO_REQUESTS_PER_MINUTE: v.optional(wholeNumber(1, 6_000), 5),
  ROLE: v.optional(oneOf(roles), "all"),
  ADMIN_TOKEN: v.optional(checked(adminTokenProblem)),
  MAX_BODY_BYTES: v.optional(wholeNumber(1, 64 * 1_048_576), 1_048_576),
  LOG_LEVEL: v.optional(oneOf(logLevels), "info"),
  LOG_FORMAT: v.optional(oneOf(["json", "text"])),
});

type Name = keyof typeof schema.entries;

const namesInConfig: Readonly<Record<Name, keyof Config>> = {
  WEBHOOK_SECRET: "secret",
  WEBHOOK_SECRET_PREVIOUS: "previousSecret",
  PORT: "port",
  HOST: "host",
  WEBHOOK_PATH: "path",
  STORAGE_URL: "storage",
  SPOOL_URL: "spool",
  FORWARD_URL: "forwardUrl",
  FORWARD_SECRET: "forwardSecret",
  FORWARD_ALLOW_PRIVATE: "forwardAllowPrivate",
  IMGGO_API_KEY: "imggoApiKey",
  IMGGO_BASE_URL: "imggoBaseUrl",
  IMGGO_REQUESTS_PER_MINUTE: "imggoRequestsPerMinute",
  ROLE: "role",
  ADMIN_TOKEN: "adminToken",
  MAX_BODY_BYTES: "maxBodyBytes",
  LOG_LEVEL: "logLevel",
  LOG_FORMAT: "logFormat",
};

/** What `Config` holds beside the settings that have a name in the environment. */
const configOnly: readonly (keyof Config)[] = ["processors", "dedupeKey", "worker"];

/**
 * Makes settings of an environment and a configuration; of two values for one setting that of the
 * environment counts. An empty variable is one that is not set.
 *
 * @throws {SettingsError} which names every bad setting.
 */
export function readSettings(env: Environment, config: Config = {}): Settings {
  const gathered = gather(env, config);
  const settings = read(schema, gathered, [
    ...spoolProblems(gathered),
    ...forwardProblems(gathered, config),
    ...configProblems(config),
  ]);
  return {
    secrets: [settings.WEBHOOK_SECRET, settings.WEBHOOK_SECRET_PREVIOUS ?? []].flat(),
    port: settings.PORT,
    host: settings.HOST,
    path: settings.WEBHOOK_PATH,
    ...storageSettings(settings),
    imggo: {
      apiKey: settings.IMGGO_API_KEY,
      baseUrl: settings.IMGGO_BASE_URL,
      requestsPerMinute: settings.IMGGO_REQUESTS_PER_MINUTE,
    },
    role: settings.ROLE,
    adminToken: settings.ADMIN_TOKEN,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    logLevel: settings.LOG_LEVEL,
    logFormat: settings.LOG_FORMAT,
  };
}

/**
 * The same, of just those settings that talking to ImgGo's API takes.
 *
 * @throws {SettingsError} which names every bad one of them.
 */
export function readImgGoSettings(env: Environment, config: Config = {}): ImgGoSettings {
  const some = v.object({
    ...v.pick(schema, ["IMGGO_BASE_URL", "IMGGO_REQUESTS_PER_MINUTE", "WEBHOOK_PATH"]).entries,
    IMGGO_API_KEY: v.optional(schema.entries.IMGGO_API_KEY.wrapped, ""),
  });
  const settings = read(some, gather(env, config));
  return {
    apiKey: settings.IMGGO_API_KEY,
    baseUrl: settings.IMGGO_BASE_URL,
    requestsPerMinute: settings.IMGGO_REQUESTS_PER_MINUTE,
    path: settings.WEBHOOK_PATH,
  };
}

/**
 * The same, of just those settings that working on the storage takes, with the processors' names.
 *
 * @throws {SettingsError} which names every bad one of them.
 */
export function readStorageSettings(env: Environment, config: Config = {}): StorageSettings {
  const gathered = gather(env, config);
  const problems = [...spoolProblems(gathered), ...forwardProblems(gathered, config)];
  const some = v.pick(schema, [
    "STORAGE_URL",
    "SPOOL_URL",
    "FORWARD_URL",
    "FORWARD_SECRET",
    "FORWARD_ALLOW_PRIVATE",
  ]);
  return storageSettings(read(some, gathered, problems));
}

function storageSettings(
  settings: Pick<
    v.InferOutput<typeof schema>,
    "STORAGE_URL" | "SPOOL_URL" | "FORWARD_URL" | "FORWARD_SECRET" | "FORWARD_ALLOW_PRIVATE"
  >,
): StorageSettings {
  const { FORWARD_URL: url, FORWARD_SECRET: secret } = settings;
  return {
    storage: settings.STORAGE_URL,
    spool: settings.SPOOL_URL,
    forward: url === undefined ? undefined : {
      url,
      ...(secret === undefined ? {} : { secret }),
      allowPrivate: settings.FORWARD_ALLOW_PRIVATE,
    },
  };
}

/** What was gathered, in the form of a schema; all that is wrong with it is one error. */
function read<Schema extends v.GenericSchema>(
  schema: Schema,
  gathered: Gathered,
  more: readonly string[] = [],
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, gathered.values);
  const problems = (parsed.issues ?? []).map((issue) => sentence(issue, gathered)).concat(more);
  if (!parsed.success || problems.length > 0) throw new SettingsError(problems);
  return parsed.output;
}

function sentence({ path, message }: v.BaseIssue<unknown>, { labels }: Gathered): string {
  const name = path?.[0].key as Name;
  const hint = labels[name] === "DATABASE_URL" ? "; STORAGE_URL goes before it" : "";
  return `${labels[name]}: ${message}${hint}`;
}

/** What was set, by its name in the environment, and how a user knows each. */
interface Gathered {
  readonly values: Readonly<Partial<Record<Name, unknown>>>;
  readonly labels: Readonly<Partial<Record<Name, string>>>;
}

function gather(env: Environment, config: Config): Gathered {
  const values: Partial<Record<Name, unknown>> = {};
  const labels: Partial<Record<Name, string>> = {};
  for (const [name, key] of Object.entries(namesInConfig) as [Name, keyof Config][]) {
    const fromConfig = !env[name] && config[key] !== undefined;
    values[name] = fromConfig ? config[key] : env[name] || undefined;
    labels[name] = fromConfig ? `${key}, in the configuration` : name;
  }
  // What many platforms set for an app that has a database.
  if (values.STORAGE_URL === undefined && env["DATABASE_URL"]) {
    values.STORAGE_URL = env["DATABASE_URL"];
    labels.STORAGE_URL = "DATABASE_URL";
  }
  // Deno Deploy has no disk; what it brings without a database is this.
  if (env["DENO_DEPLOY"]) values.STORAGE_URL ??= "kv:";
  return { values, labels };
}

function spoolProblems({ values, labels }: Gathered): string[] {
  const { SPOOL_URL: spool, STORAGE_URL: storage = defaultStorageUrl } = values;
  const plain = (path: string | undefined) => path?.replace(/^(?:\.\/+)+/, "");
  const file = plain(sqliteFile(spool));
  const same = isStorage(spool) && spool === storage ||
    file !== undefined && file === plain(sqliteFile(storage));
  return same ? [`${labels.SPOOL_URL}: expected another place than the storage's`] : [];
}

function forwardProblems({ values, labels }: Gathered, { processors }: Config): string[] {
  const { FORWARD_URL: url, FORWARD_SECRET: secret, FORWARD_ALLOW_PRIVATE: allow } = values;
  if (url === undefined) {
    const idle = secret !== undefined && secretProblem(secret) === undefined;
    return idle ? [`${labels.FORWARD_SECRET}: expected a FORWARD_URL for which it signs`] : [];
  }
  const problems: string[] = [];
  const allowPrivate = v.safeParse(schema.entries.FORWARD_ALLOW_PRIVATE, allow);
  const problem = forwardProblem(String(url), allowPrivate.success && allowPrivate.output);
  if (problem !== undefined) {
    const allowed = forwardProblem(String(url), true) === undefined;
    const hint = allowed ? "; FORWARD_ALLOW_PRIVATE=true allows it" : "";
    problems.push(`${labels.FORWARD_URL}: ${problem}${hint}`);
  }
  if (Object.hasOwn(processors ?? {}, "forward")) {
    problems.push(`${labels.FORWARD_URL}: expected no processor named forward beside it`);
  }
  return problems;
}

function configProblems(config: Config): string[] {
  const known: readonly string[] = [...Object.values(namesInConfig), ...configOnly];
  const problems = Object.keys(config)
    .filter((key) => !known.includes(key))
    .map((key) => `${key}: expected one of ${known.join(", ")}`);
  if (config.dedupeKey !== undefined && typeof config.dedupeKey !== "function") {
    problems.push("dedupeKey: expected a function");
  }
  problems.push(...processorProblems(config.processors === undefined ? {} : config.processors));
  problems.push(...workerProblems(config.worker === undefined ? {} : config.worker));
  return problems.map((problem) => problem.replace(":", ", in the configuration:"));
}
