import process from "node:process";
import { withHeader } from "../answer.ts";
import type { Config } from "../config.ts";
import { pause, within } from "../deadline.ts";
import { describeError, originOf } from "../describe-error.ts";
import { createImgGoClient } from "../imggo.ts";
import type { Logger } from "../logger.ts";
import type { Plugin } from "../plugin.ts";
import { createReceiver, type Receiver } from "../receiver.ts";
import { type Environment, readSettings, type Settings, SettingsError } from "../settings.ts";
import { defaultConcurrency } from "../worker-options.ts";
import { loggerOf, processorsOf, receiverOptionsOf } from "./configured.ts";
import { installedTelemetry } from "./installed-telemetry.ts";
import { withBodyRoom } from "./listen/body-room.ts";
import { byTurns } from "./listen/by-turns.ts";
import type { Handler, Listen, Server } from "./listen/listen.ts";
import { loadConfig } from "./load-config.ts";
import { openStorages } from "./open-storage.ts";
import { secretKey } from "./secret-key.ts";

/** What a server is, once it listens. */
export interface Listening {
  /** Of the webhook; of a server that only works, its root. */
  readonly url: URL;
  readonly settings: Settings;
  /** The names of the processors. */
  readonly processors: readonly string[];
  /** Works through what is due, and asks for what is overdue: for a cron job. Not where the role is `receiver`. */
  readonly drain: Receiver["drain"];
}

/** What {@linkcode serve} takes beside a runtime's server. */
export interface ServeOptions {
  /** Default the process's environment. */
  readonly env?: Environment;
  /** The configuration file. Default the one in the working folder, if there is one. */
  readonly configFile?: string;
  /** Holds where neither the environment nor the configuration says otherwise. */
  readonly defaults?: Config;
  /**
   * Is told where the server listens. What it gives back is called when the server stops, which it
   * may keep from ending for 3 s. Where it rejects the server ends.
   */
  readonly onListening?: (listening: Listening) => void | Promise<(() => Promise<void>) | void>;
}

// Orchestrators and Deno Deploy kill 5 s after they ask a process to stop.
const closeWithinMs = 3_300;
// Before that, requests in kept connections are answered and told to come no more.
const lameDuckMs = 300;

/**
 * Runs a server until SIGINT or SIGTERM, then ends the process: 0 after a clean stop, 1 where it
 * could not start, 2 where a setting is wrong. A second signal ends it at once.
 */
export async function serve(listen: Listen, options: ServeOptions = {}): Promise<void> {
  // A reader of the log that goes away must not take the server with it.
  process.stdout.on("error", () => {});
  // Registered before anything that takes time: as the first process of a container it would not
  // be ended by a signal that it does not listen to.
  const stopSignal = firstSignal();
  let started = false;
  void stopSignal.then(() => started || process.exit(0));
  try {
    process.exit(await run(listen, options, stopSignal, () => started = true));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const json = (options.env ?? process.env)["LOG_FORMAT"] === "json";
    process.stderr.write(`${json ? JSON.stringify({ error: message }) : message}\n`);
    process.exit(error instanceof SettingsError ? 2 : 1);
  }
}

async function run(
  listen: Listen,
  options: ServeOptions,
  stopSignal: Promise<string>,
  onStarted: () => void,
): Promise<number> {
  const { env = process.env, configFile, defaults, onListening } = options;
  const config = { ...defaults, ...defined(await loadConfig(configFile)) };
  const settings = readSettings(env, config);
  const logger = loggerOf(settings, {
    format: process.stdout.isTTY ? "text" : "json",
    write: (line) => process.stdout.write(`${line}\n`),
  });

  const processors = processorsOf(settings, config);
  const storage = await openStorages(settings, {
    logger,
    concurrency: config.worker?.concurrency ?? defaultConcurrency,
  });
  const { apiKey, ...api } = settings.imggo;
  const receiver = createReceiver({
    ...receiverOptionsOf(settings, config),
    secretKey,
    ...(apiKey !== undefined && { imggo: createImgGoClient({ apiKey, ...api }) }),
    plugins: [...await adminOf(settings), ...await installedTelemetry(logger)],
    storage,
    processors,
    logger,
  });

  // What a processor throws outside its promise must not take the server, and with it others'
  // requests: what is accepted is in the storage, whatever state the processor is in.
  for (const event of ["unhandledRejection", "uncaughtException"]) {
    process.on(event, (error) => {
      logger.error("thrown outside of a processor's promise: is an await missing?", {
        error: describeError(error),
        at: originOf(error),
      });
    });
  }
  let stopping = false;
  // While it stops: so that a client which keeps its connection sends its next request to another
  // server.
  const handler: Handler = {
    async fetch(request) {
      const response = await receiver.fetch(request);
      if (stopping) response.headers.set("Connection", "close");
      return response;
    },
    ...(settings.role !== "worker" && {
      webhook: {
        path: receiver.path,
        receive: byTurns(withBodyRoom(async (request) => {
          const answer = await receiver.receive(request);
          return stopping ? withHeader(answer, "Connection", "close") : answer;
        })),
      },
    }),
  };
  const server = await listenOrExplain(listen, handler, settings);
  onStarted();
  receiver.start();
  const url = urlOf(settings, server.port);
  const names = Object.keys(processors);
  logger.info("listening", {
    url: url.href,
    role: settings.role,
    processors: names.join(", "),
    pid: process.pid,
  });
  const onStopping = await onListening?.({
    url,
    settings,
    processors: names,
    drain: receiver.drain,
  });

  logger.info("stopping", { signal: await stopSignal });
  stopping = true;
  const late = () => new Error("it took too long");
  await Promise.all([
    pause(lameDuckMs).then(() => close(server, logger)),
    receiver.stop(),
    onStopping && within(onStopping(), closeWithinMs, late).catch((error) => {
      logger.warn("not ended cleanly", { error: describeError(error) });
    }),
  ]);
  await within((async () => await storage.close())(), 500, late).catch((error) => {
    logger.warn("the storage was not closed", { error: describeError(error) });
  });
  logger.info("stopped");
  return 0;
}

/** What operators have, where there is a token for them: without one it is not even loaded. */
async function adminOf({ adminToken: token }: Settings): Promise<Plugin[]> {
  if (token === undefined) return [];
  const { admin } = await import("../admin.ts");
  return [admin({ token })];
}

/** Without what is there and undefined, which would hide a default. */
function defined(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

async function listenOrExplain(
  listen: Listen,
  handler: Handler,
  { host: hostname, port }: Settings,
): Promise<Server> {
  try {
    return await listen(handler, { hostname, port });
  } catch (cause) {
    const { code, message } = cause as { code?: string; message?: string };
    const reason = code === "EADDRINUSE" || /in use/i.test(message ?? "")
      ? "something else listens there; set PORT to another one"
      : message;
    throw new Error(`Cannot listen on ${hostname}, port ${port}: ${reason}.`, { cause });
  }
}

function urlOf({ host, path, role }: Settings, port: number): URL {
  // Every address is no address that a client can use.
  const hostname = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  const authority = hostname.includes(":") ? `[${hostname}]` : hostname;
  return new URL(role === "worker" ? "/" : path, `http://${authority}:${port}`);
}

/** The first signal to stop. One that comes more than a second later ends the process at once. */
function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.on(signal, () => {
        firstAt ??= performance.now();
        // npm hands a terminal's Ctrl-C on to a child that has had it already.
        if (performance.now() - firstAt > 1_000) process.exit(1);
        resolve(signal);
      });
    }
  });
}

async function close(server: Server, logger: Logger): Promise<void> {
  const late = () => new Error("late");
  await within(server.close(), closeWithinMs, late).catch(() => {
    logger.warn("connections were still open");
  });
}
