import type { WebhookEvent } from "./event.ts";
import type { ImgGoClient } from "./imggo.ts";
import type { Logger } from "./logger.ts";
import { basePathProblem, pathProblem } from "./paths.ts";
import type { Plugin } from "./plugin.ts";
import { type Processor, processorProblems } from "./processor/processor.ts";
import { type RejectionOptions, rejectionProblems } from "./rejections.ts";
import { type Role, roles } from "./role.ts";
import { type SecretKey, secretProblem } from "./signature.ts";
import type { Storage } from "./storage/storage.ts";
import { type WorkerOptions, workerProblems } from "./worker-options.ts";

/** What `createReceiver` takes. */
export interface ReceiverOptions {
  /** The webhook's secret: at least 16 characters. Either this or `secrets`. */
  readonly secret?: string;
  /** Several secrets, any of which may sign: the current and the previous one while rotating. */
  readonly secrets?: readonly string[];
  /**
   * Makes what checks signatures by a secret, for instance by `node:crypto`: on Node.js that is
   * several times cheaper than Web Crypto, the default.
   */
  readonly secretKey?: (secret: string) => SecretKey;
  /** Where events are kept. The receiver does not close it. */
  readonly storage: Storage;
  /**
   * What is done with events, by name. Each name gets its own delivery of every event, with its
   * own attempts. Keep the names: deliveries of a name that is gone wait until it is back. Without
   * any, events are only stored; a processor that is added later sees those that come from then on.
   */
  readonly processors?: Readonly<Record<string, Processor>>;
  /** Where the webhook is received. Default `/webhook`. */
  readonly path?: string;
  /** What stands before every path, for embedding: `/hooks`. Default nothing. */
  readonly basePath?: string;
  /** The most bytes a body may have. Default 1,048,576. */
  readonly maxBodyBytes?: number;
  /**
   * What makes two deliveries the same event: of those with one key the first is kept. Default the
   * event's name and its job. If it throws or gives no text, the default is used.
   */
  readonly dedupeKey?: (event: WebhookEvent) => string;
  /** What this process does. Default `all`. */
  readonly role?: Role;
  /**
   * Tells workers elsewhere, by a queue for instance, that something is to be done for the event of
   * this id. With it this process works nothing off by itself: that is left to those who are told,
   * and to `drain()`. It is called after the event was stored, for an event that was stored before
   * too: the first call may have failed. It is called as well for an event that an operator has run
   * again, but not for what a redrive makes due. The answer does not wait for it; where it fails that
   * is logged, and a later drain finds the event all the same.
   */
  readonly notify?: (id: string) => Promise<unknown>;
  /** How deliveries are run: how many at once, how often, for how long. */
  readonly worker?: WorkerOptions;
  /**
   * A client of ImgGo's API (`createImgGoClient`): by it, results that never came are asked for.
   * Without one, what `expect()` awaits only waits.
   */
  readonly imggo?: ImgGoClient;
  /**
   * How much is kept of what is refused for its signature, for `reverify()`: at most 1,000 requests
   * and 16 MiB, for 24 hours, unless it says otherwise; the oldest go first. False: nothing.
   */
  readonly rejections?: RejectionOptions | false;
  /**
   * What adds to the receiver: `admin()` of `imggo-webhooks/admin`, `openTelemetry()` of
   * `imggo-webhooks/open-telemetry`. Default nothing.
   */
  readonly plugins?: readonly Plugin[];
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}

/** What is wrong with the options: a sentence each, which begins with the option's name. */
export function receiverProblems(options: ReceiverOptions): string[] {
  const { secret, secrets = [], storage, processors = {}, dedupeKey, worker = {}, notify } =
    options;
  const { imggo, rejections, plugins = [], secretKey } = options;
  const { path, basePath, maxBodyBytes = 1, role = "all" } = options;
  const given = [secret ?? [], secrets].flat();
  const problems: Record<string, string | undefined> = {
    secret: given.length === 0 ? "expected the one that ImgGo showed" : undefined,
    secrets: given.map(secretProblem).find((problem) => problem !== undefined),
    secretKey: secretKey === undefined || typeof secretKey === "function"
      ? undefined
      : "expected a function",
    storage: typeof storage?.accept === "function" && typeof storage.ping === "function"
      ? undefined
      : "expected a storage",
    path: path === undefined ? undefined : pathProblem(path),
    basePath: basePath === undefined ? undefined : basePathProblem(basePath),
    maxBodyBytes: Number.isSafeInteger(maxBodyBytes) && maxBodyBytes >= 1
      ? undefined
      : `expected a whole number of at least 1, got ${maxBodyBytes}`,
    role: roles.includes(role) ? undefined : `expected one of ${roles.join(", ")}, got ${role}`,
    dedupeKey: dedupeKey === undefined || typeof dedupeKey === "function"
      ? undefined
      : "expected a function",
    notify: notify === undefined || typeof notify === "function"
      ? undefined
      : "expected a function",
    imggo: imggo === undefined || typeof imggo?.createReconciler === "function"
      ? undefined
      : "expected a client, made by createImgGoClient()",
    plugins: Array.isArray(plugins) && plugins.every((plugin) => typeof plugin === "function")
      ? undefined
      : "expected a list of plugins, such as admin() makes",
  };
  return [
    ...Object.entries(problems).flatMap(([name, problem]) =>
      problem ? [`${name}: ${problem}`] : []
    ),
    ...processorProblems(processors),
    ...transactionProblems(options),
    ...workerProblems(worker),
    ...rejectionProblems(rejections),
  ];
}

function transactionProblems({ storage, processors }: ReceiverOptions): string[] {
  if (typeof storage?.complete === "function") return [];
  return Object.entries(processors ?? {})
    .filter(([, processor]) => processor?.transactional)
    .map(([name]) =>
      `processors.${name}: expected a storage with transactions, as PostgreSQL's, for what is ` +
      "transactional"
    );
}
