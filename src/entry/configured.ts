import type { Config } from "../config.ts";
import { createLogger, guarded, type Logger, type LoggerOptions } from "../logger.ts";
import { forward } from "../processor/forward.ts";
import { log } from "../processor/log.ts";
import type { Processor } from "../processor/processor.ts";
import type { ReceiverOptions } from "../receiver-options.ts";
import type { ReceiverSettings } from "../settings/receiver.ts";

// What every entry makes of its settings and of its configuration.

/** The processors that are named, or the one that logs where none is. */
export function processorsOf(
  { forward: target }: Pick<ReceiverSettings, "forward">,
  config: Config,
): Record<string, Processor> {
  const named = { ...(target && { forward: forward(target) }), ...config.processors };
  return Object.keys(named).length > 0 ? named : { log };
}

/** The logger; its format where no setting says it is the one given here. */
export function loggerOf(
  { logLevel, logFormat }: ReceiverSettings,
  { format, write }: Required<Pick<LoggerOptions, "format" | "write">>,
): Logger {
  return guarded(createLogger({ level: logLevel, format: logFormat ?? format, write }));
}

/** What a receiver takes of both as it is. */
export function receiverOptionsOf(
  { secrets, path, maxBodyBytes, role }: ReceiverSettings,
  { dedupeKey, worker }: Config,
): Omit<ReceiverOptions, "storage"> {
  return {
    secrets,
    path,
    maxBodyBytes,
    role,
    ...(dedupeKey && { dedupeKey }),
    ...(worker && { worker }),
  };
}
