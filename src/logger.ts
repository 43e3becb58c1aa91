/** How much is logged: a level and all above it. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What is logged beside a message. Never a secret, a token, a signature or a payload. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Where the receiver and its worker write what happens. The global `console` is one too. */
export interface Logger {
  /** What is of use while looking for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What happens as it should. */
  info(message: string, fields?: LogFields): void;
  /** What is wrong, and is seen to without anyone's help. */
  warn(message: string, fields?: LogFields): void;
  /** What somebody has to look at. */
  error(message: string, fields?: LogFields): void;
}

/** What {@linkcode createLogger} takes. */
export interface LoggerOptions {
  /** The lowest level that is written. Default `info`. */
  readonly level?: LogLevel;
  /** One JSON object a line, or readable text. Default `json`. */
  readonly format?: "json" | "text";
  /** Takes one line, without its line end. */
  readonly write: (line: string) => void;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** The levels, lowest first. */
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A logger that writes nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Makes a logger of a function that takes lines. */
export function createLogger(
  { level = "info", format = "json", write, now = Date.now }: LoggerOptions,
): Logger {
  const line = format === "json" ? jsonLine : textLine;
  const at = (name: LogLevel): Logger[LogLevel] =>
    logLevels.indexOf(name) < logLevels.indexOf(level)
      ? () => {}
      : (message, fields = {}) => write(printable(line(new Date(now()), name, message, fields)));
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The same logger, whose own failures are swallowed: no event may be lost to a line of a log. */
export function guarded(logger: Logger): Logger {
  const at = (name: LogLevel): Logger[LogLevel] => (message, fields) => {
    try {
      logger[name](message, fields);
    } catch {
      // There is nowhere to say it.
    }
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The same logger, with these fields in each of its lines. */
export function withFields(logger: Logger, fields: LogFields): Logger {
  const at = (name: LogLevel): Logger[LogLevel] => (message, more) =>
    logger[name](message, { ...fields, ...more });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function jsonLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const own = { time: time.toISOString(), level, message };
  // Twice: first in the line, and not to be replaced by a field of the same name.
  return JSON.stringify({ ...own, ...fields, ...own });
}

function textLine(time: Date, level: LogLevel, message: string, fields: LogFields): string {
  const clock = time.toTimeString().slice(0, 8);
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textValue(value)}`);
  return [clock, level.toUpperCase().padEnd(5), message, ...pairs].join(" ");
}

function textValue(value: LogFields[string]): string {
  const text = String(value);
  return /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(text);
}

// JSON leaves DEL, the C1 controls and Unicode's line ends as they are; a terminal or a log reader
// may act on them.
function printable(line: string): string {
  return line.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
