import { adminTokenProblem } from "../admin-token.ts";
import type { Config } from "../config.ts";
import { apiKeyProblem, baseUrlProblem, defaultBaseUrl } from "../imggo/options.ts";
import { type LogLevel, logLevels } from "../logger.ts";
import { pathProblem } from "../paths.ts";
import { type ForwardOptions, forwardProblem } from "../processor/forward.ts";
import { processorProblems } from "../processor/processor.ts";
import { type Role, roles } from "../role.ts";
import { secretProblem } from "../signature.ts";
import { workerProblems } from "../worker-options.ts";
import { flag, oneOf, text, wholeNumber } from "./forms.ts";
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
  type Values,
} from "./read.ts";

/** The settings of every receiver, complete and checked. */
export interface ReceiverSettings {
  /** The current secret and, while rotating, the previous one. */
  readonly secrets: readonly string[];
  readonly path: string;
  readonly forward: ForwardSettings | undefined;
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

/** Where events are forwarded to. */
export interface ForwardSettings extends Pick<ForwardOptions, "secret"> {
  readonly url: string;
  readonly allowPrivate: boolean;
}

const unset =
  "expected the secret that ImgGo showed when the webhook was registered; it is not set";

/** Where events are forwarded to. */
export const forwardSettings:
  & Maybe<"forwardUrl" | "forwardSecret">
  & Always<"forwardAllowPrivate"> = {
    forwardUrl: optional("FORWARD_URL", text()),
    forwardSecret: optional("FORWARD_SECRET", text(secretProblem)),
    forwardAllowPrivate: setting("FORWARD_ALLOW_PRIVATE", flag, false),
  };

/** What asking ImgGo takes beside the key. */
export const apiSettings: Always<"imggoBaseUrl" | "imggoRequestsPerMinute" | "path"> = {
  imggoBaseUrl: setting("IMGGO_BASE_URL", text(baseUrlProblem), defaultBaseUrl),
  // The free plan's.
  imggoRequestsPerMinute: setting("IMGGO_REQUESTS_PER_MINUTE", wholeNumber(1, 6_000), 5),
  path: setting("WEBHOOK_PATH", text(pathProblem), "/webhook"),
};

/** Every setting that every receiver has. */
export const receiverSettings:
  & Always<"secret" | "role" | "maxBodyBytes" | "logLevel">
  & Maybe<"previousSecret" | "imggoApiKey" | "adminToken" | "logFormat">
  & typeof apiSettings
  & typeof forwardSettings = {
    secret: required(
      "WEBHOOK_SECRET",
      text((secret) => secret === "" ? unset : secretProblem(secret)),
    ),
    previousSecret: optional("WEBHOOK_SECRET_PREVIOUS", text(secretProblem)),
    ...forwardSettings,
    ...apiSettings,
    imggoApiKey: optional("IMGGO_API_KEY", text(apiKeyProblem)),
    role: setting("ROLE", oneOf(roles), "all"),
    adminToken: optional("ADMIN_TOKEN", text(adminTokenProblem)),
    maxBodyBytes: setting("MAX_BODY_BYTES", wholeNumber(1, 64 * 1_048_576), 1_048_576),
    logLevel: setting("LOG_LEVEL", oneOf(logLevels), "info"),
    logFormat: optional("LOG_FORMAT", oneOf(["json", "text"])),
  };

/** What `Config` holds beside those. */
const configOnly: readonly (keyof Config)[] = [
  "port",
  "host",
  "storage",
  "spool",
  "processors",
  "dedupeKey",
  "worker",
];

/**
 * Makes settings of an environment and a configuration, of those that every receiver has.
 *
 * @throws {SettingsError} which names every bad one of them.
 */
export function readReceiverSettings(env: Environment, config: Config): ReceiverSettings {
  const gathered = gather(receiverSettings, env, config);
  return receiverSettingsOf(read(receiverSettings, gathered, problemsBeside(gathered, config)));
}

/** The settings, of what was read. */
export function receiverSettingsOf(values: Values<typeof receiverSettings>): ReceiverSettings {
  const { path, role, adminToken, maxBodyBytes, logLevel, logFormat } = values;
  return {
    secrets: [values.secret, values.previousSecret ?? []].flat(),
    path,
    forward: forwardOf(values),
    imggo: {
      apiKey: values.imggoApiKey,
      baseUrl: values.imggoBaseUrl,
      requestsPerMinute: values.imggoRequestsPerMinute,
    },
    role,
    adminToken,
    maxBodyBytes,
    logLevel,
    logFormat,
  };
}

/** Where to forward to, if anywhere. */
export function forwardOf(
  { forwardUrl: url, forwardSecret: secret, forwardAllowPrivate: allowPrivate }: Values<
    typeof forwardSettings
  >,
): ForwardSettings | undefined {
  if (url === undefined) return undefined;
  return { url, ...(secret === undefined ? {} : { secret }), allowPrivate };
}

/** What is wrong beside the single values. */
export function problemsBeside(
  gathered: Gathered<keyof typeof forwardSettings>,
  config: Config,
): string[] {
  return [...forwardProblems(gathered, config), ...configProblems(config)];
}

/** What is wrong with where events are forwarded to. */
export function forwardProblems(
  { forwardUrl, forwardSecret, forwardAllowPrivate }: Gathered<keyof typeof forwardSettings>,
  { processors }: Config,
): string[] {
  const { value: url, label } = forwardUrl;
  if (url === undefined) {
    const { value: secret, label } = forwardSecret;
    const idle = typeof secret === "string" && secretProblem(secret) === undefined;
    return idle ? [`${label}: expected a FORWARD_URL for which it signs`] : [];
  }
  const problems: string[] = [];
  const allowing = flag(forwardAllowPrivate.value);
  const problem = forwardProblem(String(url), "value" in allowing && allowing.value);
  if (problem !== undefined) {
    const allowed = forwardProblem(String(url), true) === undefined;
    const hint = allowed ? "; FORWARD_ALLOW_PRIVATE=true allows it" : "";
    problems.push(`${label}: ${problem}${hint}`);
  }
  if (Object.hasOwn(processors ?? {}, "forward")) {
    problems.push(`${label}: expected no processor named forward beside it`);
  }
  return problems;
}

function configProblems(config: Config): string[] {
  const known: readonly string[] = [...Object.keys(receiverSettings), ...configOnly];
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
