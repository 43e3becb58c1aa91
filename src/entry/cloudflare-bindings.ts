import type { Config } from "../config.ts";
import { SettingsError } from "../settings/read.ts";
import { readReceiverSettings, type ReceiverSettings } from "../settings/receiver.ts";
import { type D1Database, type d1Storage, maxD1BodyBytes } from "../storage/d1.ts";
import type { Storage } from "../storage/storage.ts";
import { receivingStorage } from "./cloudflare-storage.ts";

/** What a Worker is handed: its bindings, and its variables and secrets, by their names. */
export interface CloudflareBindings {
  /** Where events are kept. Required unless the configuration brings a storage. */
  readonly DB?: D1Database;
  /** Where is told what was stored. */
  readonly QUEUE?: QueueProducer;
  /** The secret that ImgGo showed. Any other setting may be there too. */
  readonly WEBHOOK_SECRET?: string;
}

/** What is used of a queue's producer binding. */
export interface QueueProducer {
  /** Sends a message: the id of an event. */
  send(message: unknown): Promise<unknown>;
}

const expectedDatabase = "DB: expected a D1 database. Make one: " +
  '`npx wrangler d1 create imggo-webhooks`, and put its id into wrangler.jsonc: "d1_databases": ' +
  '[{ "binding": "DB", "database_name": "imggo-webhooks", "database_id": "…" }]';

const expectedQueue = 'QUEUE: expected a queue, in wrangler.jsonc: "queues": { "producers": ' +
  '[{ "binding": "QUEUE", "queue": "imggo-webhooks" }] }';

const expectedNoUrl = "STORAGE_URL: expected none: events are kept in the D1 database DB";

const expectedNoSpool = "SPOOL_URL: expected none: a Worker has no disk";

/** What a Worker works with. */
export interface ReadBindings {
  readonly settings: ReceiverSettings;
  /** Gives the storage, for one invocation. */
  readonly openStorage: () => Storage;
}

/**
 * Reads the settings of a Worker, and finds its storage.
 *
 * @param openD1 Opens the database; it need not give more than is used of it.
 * @throws {SettingsError} which names every bad binding and setting.
 */
export function readBindings(
  env: CloudflareBindings,
  config: Config,
  openD1: typeof d1Storage = receivingStorage,
): ReadBindings {
  const own = typeof config.storage === "object" ? config.storage : undefined;
  const database = typeof env.DB?.batch === "function" ? env.DB : undefined;
  const storage = own ?? (database && openD1(database));
  const { STORAGE_URL: url = config.storage, ...variables } = variablesOf(env);

  const problems: string[] = [];
  if (storage === undefined) problems.push(expectedDatabase);
  if (env.QUEUE !== undefined && typeof env.QUEUE.send !== "function") problems.push(expectedQueue);
  if (typeof url === "string") problems.push(expectedNoUrl);
  if ((variables["SPOOL_URL"] ?? config.spool) !== undefined) problems.push(expectedNoSpool);
  let settings: ReceiverSettings | undefined;
  try {
    settings = readReceiverSettings(variables, config);
    if (own === undefined && settings.maxBodyBytes > maxD1BodyBytes) {
      problems.push(`MAX_BODY_BYTES: expected at most ${maxD1BodyBytes}, which a row of D1 holds`);
    }
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    problems.push(...error.problems);
  }
  if (settings === undefined || storage === undefined || problems.length > 0) {
    throw new SettingsError(problems);
  }
  return { settings, openStorage: () => storage === own ? own : untilNothingIsDue(storage) };
}

/** The same storage, which is not asked again once nothing was due: that would cost queries. */
function untilNothingIsDue(storage: Storage): Storage {
  let isMoreDue = true;
  return {
    ...storage,
    accept(event, signal) {
      isMoreDue = true;
      return storage.accept(event, signal);
    },
    async claim(request) {
      if (!isMoreDue) return { claims: [], exhausted: [] };
      const result = await storage.claim(request);
      isMoreDue = result.claims.length > 0;
      return result;
    },
  };
}

/** The variables and secrets. Those of a JSON configuration may be numbers and the like. */
function variablesOf(env: CloudflareBindings): Record<string, string> {
  const isText = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
  // A database's URL is a secret for the processors here: events are kept in D1.
  const { DATABASE_URL: _, ...variables } = Object.fromEntries(
    Object.entries(env).filter(([, value]) => isText(value)).map(([name, value]) => [
      name,
      String(value),
    ]),
  );
  return variables;
}
