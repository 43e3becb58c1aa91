import { createLogger, type Logger } from "imggo-webhooks";

/** A logger of every level, and what it wrote. */
export interface CapturedLog {
  readonly logger: Logger;
  /** The lines as they would be written. */
  readonly lines: readonly string[];
  /** The lines whose message holds this, read. */
  readonly of: (message: string) => Record<string, unknown>[];
}

export function captureLog(): CapturedLog {
  const lines: string[] = [];
  return {
    lines,
    logger: createLogger({ level: "debug", write: (line) => lines.push(line) }),
    of: (message) =>
      lines.map((line): Record<string, unknown> => JSON.parse(line))
        .filter((line) => String(line["message"]).includes(message)),
  };
}
