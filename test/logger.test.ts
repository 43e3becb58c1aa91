import { createLogger, type LogFields, type LoggerOptions, type LogLevel } from "imggo-webhooks";
import { expect, test } from "vitest";
import { logLevels, silentLogger, withFields } from "../src/logger.ts";

const now = () => Date.UTC(2026, 0, 15, 10, 30, 0, 123);

function capture(options: Omit<LoggerOptions, "write"> = {}) {
  const lines: string[] = [];
  return { lines, logger: createLogger({ now, ...options, write: (line) => lines.push(line) }) };
}

test("createLogger() writes a JSON object a line, with its time, level and message", () => {
  const { lines, logger } = capture();
  logger.info("event received", { id: "evt_1", attempt: 2, duplicate: false, error: null });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toEqual({
    time: "2026-01-15T10:30:00.123Z",
    level: "info",
    message: "event received",
    id: "evt_1",
    attempt: 2,
    duplicate: false,
    error: null,
  });
});

test("createLogger() leaves out fields that are undefined", () => {
  for (const format of ["json", "text"] as const) {
    const { lines, logger } = capture({ format });
    logger.info("ready", { error: undefined });
    expect(lines[0]).not.toContain("error");
  }
});

test("createLogger() takes the time of the line, not of its making", () => {
  let time = 0;
  const { lines, logger } = capture({ now: () => time });
  time = 1_000;
  logger.info("later");
  expect(JSON.parse(lines[0]!)).toMatchObject({ time: "1970-01-01T00:00:01.000Z" });
});

const written: Record<LogLevel, readonly LogLevel[]> = {
  debug: ["debug", "info", "warn", "error"],
  info: ["info", "warn", "error"],
  warn: ["warn", "error"],
  error: ["error"],
};

for (const [level, expected] of Object.entries(written) as [LogLevel, readonly LogLevel[]][]) {
  test(`createLogger() writes at level ${level}: ${expected.join(", ")}`, () => {
    const { lines, logger } = capture({ level });
    for (const name of logLevels) logger[name]("x");
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(expected);
  });
}

test("createLogger() writes from info on unless told otherwise", () => {
  const { lines, logger } = capture();
  logger.debug("unseen");
  logger.info("seen");
  expect(lines).toHaveLength(1);
});

test("createLogger() writes readable text where asked, and quotes what needs it", () => {
  const { lines, logger } = capture({ format: "text" });
  logger.warn("request refused", { code: "invalid_signature", status: 401, error: "no = sign" });
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d WARN +request refused code=invalid_signature status=401 error="no = sign"$/,
  );
});

const hostile: Record<string, string> = {
  "CR LF": 'x\r\n{"time":"2026-01-15T10:30:00.123Z","level":"error","message":"forged"}',
  "an ANSI escape": "x\u001b[2J\u001b[31mred",
  "a C1 control sequence": "x\u009b31mred",
  "quotes and backslashes": 'x","level":"error","a":"\\',
  "Unicode line ends": "x\u2028y\u2029z\u0085w",
  "NUL, backspace and DEL": "x\0y\bz\u007f",
};

/** Whatever a terminal or a reader of lines may act on. */
// deno-lint-ignore no-control-regex
const acting = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

for (const [kind, text] of Object.entries(hostile)) {
  test(`createLogger() keeps a JSON line whole with ${kind} in every field`, () => {
    const { lines, logger } = capture();
    logger.error(text, { error: text, [text]: text });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(acting);
    expect(JSON.parse(lines[0]!)).toEqual({
      time: "2026-01-15T10:30:00.123Z",
      level: "error",
      message: text,
      error: text,
      [text]: text,
    });
  });

  test(`createLogger() keeps a line of text whole with ${kind} in every field`, () => {
    const { lines, logger } = capture({ format: "text" });
    logger.error(text, { error: text, [text]: text });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(acting);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d ERROR x/);
  });
}

test("createLogger() writes text that is not well formed as JSON that is", () => {
  const { lines, logger } = capture();
  logger.info("x", { id: "\ud800" });
  expect(lines[0]!.isWellFormed()).toBe(true);
  expect(JSON.parse(lines[0]!).id).toBe("\ud800");
});

test("createLogger() does not let a field pass for the time, the level or the message", () => {
  const { lines, logger } = capture();
  const fields: LogFields = { time: "never", level: "debug", message: "forged" };
  logger.error("lost", fields);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    time: "2026-01-15T10:30:00.123Z",
    level: "error",
    message: "lost",
  });
});

test("withFields() adds its fields to every line, at every level", () => {
  const { lines, logger } = capture({ level: "debug" });
  const child = withFields(withFields(logger, { request_id: "r" }), { id: "evt_1" });
  for (const name of logLevels) child[name]("x", { attempt: 1 });
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    logLevels.map((level) => ({
      time: "2026-01-15T10:30:00.123Z",
      level,
      message: "x",
      request_id: "r",
      id: "evt_1",
      attempt: 1,
    })),
  );
});

test("withFields() keeps the logger that it is given as it is", () => {
  const { lines, logger } = capture();
  withFields(logger, { id: "evt_1" });
  logger.info("x");
  expect(lines[0]).not.toContain("evt_1");
});

test("withFields() calls a logger's methods on the logger", () => {
  class Counting {
    count = 0;
    #add() {
      this.count++;
    }
    debug = () => {};
    info() {
      this.#add();
    }
    warn() {
      this.#add();
    }
    error() {
      this.#add();
    }
  }
  const logger = new Counting();
  withFields(logger, { id: "evt_1" }).info("x");
  expect(logger.count).toBe(1);
});

test("silentLogger takes every level and does nothing", () => {
  for (const name of logLevels) expect(silentLogger[name]("x")).toBeUndefined();
});
