import type { WebhookEvent } from "./event.ts";
import type { LogLevel } from "./logger.ts";
import type { Processor } from "./processor/processor.ts";
import type { Role } from "./role.ts";
import type { Storage } from "./storage/storage.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** What `imggo.config.ts` may hold. An environment variable goes before its counterpart here. */
export interface Config {
  /** `WEBHOOK_SECRET`: better kept in the environment. */
  readonly secret?: string;
  /** `WEBHOOK_SECRET_PREVIOUS` */
  readonly previousSecret?: string;
  /** `PORT`: 0 for any free one. Default 5000. */
  readonly port?: number;
  /** `HOST`. Default `0.0.0.0`. */
  readonly host?: string;
  /** `WEBHOOK_PATH`. Default `/webhook`. */
  readonly path?: string;
  /** `STORAGE_URL`, or a storage of your own. Default `sqlite:./imggo-webhooks.db`; on Deno Deploy `kv:`. */
  readonly storage?: string | Storage;
  /** `SPOOL_URL`, or a storage of your own: what takes events while the storage fails. */
  readonly spool?: string | Storage;
  /** `FORWARD_URL` */
  readonly forwardUrl?: string;
  /** `FORWARD_SECRET` */
  readonly forwardSecret?: string;
  /** `FORWARD_ALLOW_PRIVATE`. Default false. */
  readonly forwardAllowPrivate?: boolean;
  /** `IMGGO_API_KEY`: better kept in the environment. */
  readonly imggoApiKey?: string;
  /** `IMGGO_BASE_URL`. Default `https://img-go.com/api`. */
  readonly imggoBaseUrl?: string;
  /** `IMGGO_REQUESTS_PER_MINUTE`: as many as your plan allows. Default 5. */
  readonly imggoRequestsPerMinute?: number;
  /** `ROLE`. Default `all`. */
  readonly role?: Role;
  /**
   * `ADMIN_TOKEN`: at least 24 characters; better kept in the environment. Without it there is neither
   * `/admin` nor `/metrics`.
   */
  readonly adminToken?: string;
  /** `MAX_BODY_BYTES`. Default 1,048,576. */
  readonly maxBodyBytes?: number;
  /** `LOG_LEVEL`. Default `info`. */
  readonly logLevel?: LogLevel;
  /** `LOG_FORMAT`. Default `json`, and `text` on a terminal. */
  readonly logFormat?: "json" | "text";
  /** What is done with events, by name. */
  readonly processors?: Readonly<Record<string, Processor>>;
  /** What makes two deliveries the same event. Default its name and its job. */
  readonly dedupeKey?: (event: WebhookEvent) => string;
  /** How deliveries are run: how many at once, how often, for how long. */
  readonly worker?: WorkerOptions;
}

/** Checks the types of an `imggo.config.ts`, whose default export it makes. */
export function defineConfig(config: Config): Config {
  return config;
}
