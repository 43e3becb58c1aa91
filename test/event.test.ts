import fc from "fast-check";
import { type ParsedEvent, parseEvent, type WebhookEvent } from "imggo-webhooks";
import { expect, test } from "vitest";
import { defaultDedupeKey } from "../src/event.ts";
import {
  dialects,
  flatWithManifest,
  flatWithResult,
  nested,
  sampleJob,
  toBytes,
} from "./support/wire.ts";

const receivedAt = Date.UTC(2026, 1, 3, 4, 5, 6, 789);
const receivedTime = "2026-02-03T04:05:06.789Z";

const parse = (payload: unknown): ParsedEvent => parseEvent(toBytes(payload), receivedAt);

function accepted(payload: unknown): WebhookEvent {
  const parsed = parse(payload);
  if (parsed.state !== "accepted") {
    throw new Error(`expected an accepted event, got ${JSON.stringify(parsed)}`);
  }
  return parsed.event;
}

/** The path of each issue; that there are some is part of being quarantined. */
function issuePaths(payload: unknown): string[] {
  const parsed = parse(payload);
  if (parsed.state !== "quarantined" || parsed.code !== "invalid_payload") {
    throw new Error(`expected an invalid payload, got ${JSON.stringify(parsed)}`);
  }
  expect(parsed.issues.length).toBeGreaterThan(0);
  return parsed.issues.map(({ path }) => path);
}

const { job_id, pattern_id, timestamp, result, message, code } = sampleJob;

const succeeded = {
  event: "job.succeeded",
  data: { job_id, pattern_id, status: "succeeded", result },
  timestamp,
};
const failed = {
  event: "job.failed",
  data: { job_id, pattern_id, status: "failed", error: { message } },
  timestamp,
};
const created_at = "2026-01-15T10:29:42Z";

test("parseEvent() takes a nested success as it is", () => {
  expect(accepted(nested.succeeded(sampleJob))).toStrictEqual(succeeded);
});

test("parseEvent() reads a nested failure", () => {
  expect(accepted(nested.failed(sampleJob))).toStrictEqual(failed);
});

test("parseEvent() reads a flat success with a manifest", () => {
  expect(accepted(flatWithManifest.succeeded(sampleJob))).toStrictEqual(succeeded);
});

test("parseEvent() reads a flat failure with a manifest that is null", () => {
  expect(accepted(flatWithManifest.failed(sampleJob))).toStrictEqual(failed);
});

test("parseEvent() reads a flat job.completed with a result, and keeps what else it says", () => {
  expect(accepted(flatWithResult.succeeded(sampleJob))).toStrictEqual({
    event: "job.succeeded",
    data: {
      ...succeeded.data,
      confidence: 0.97,
      processing_time_ms: 3420,
      created_at,
      completed_at: timestamp,
    },
    timestamp,
  });
});

test("parseEvent() reads a flat failure with an error object, and keeps what else it says", () => {
  expect(accepted(flatWithResult.failed(sampleJob))).toStrictEqual({
    event: "job.failed",
    data: { ...failed.data, error: { message, code }, created_at, failed_at: timestamp },
    timestamp,
  });
});

test("parseEvent() reads the smallest success: event, job_id and result", () => {
  expect(accepted({ event: "job.completed", job_id: "j-1", result: { total: 1 } })).toStrictEqual({
    event: "job.succeeded",
    data: { job_id: "j-1", pattern_id: null, status: "succeeded", result: { total: 1 } },
    timestamp: receivedTime,
  });
});

test("parseEvent() reads the smallest failure: event and job_id", () => {
  const event = accepted({ event: "job.failed", job_id: "j-1" });
  expect(event).toStrictEqual({
    event: "job.failed",
    data: {
      job_id: "j-1",
      pattern_id: null,
      status: "failed",
      error: { message: expect.any(String) },
    },
    timestamp: receivedTime,
  });
});

test("parseEvent() gives every dialect's own status in the canonical words", () => {
  for (const dialect of Object.values(dialects)) {
    expect(accepted(dialect.succeeded(sampleJob)).data["status"]).toBe("succeeded");
    expect(accepted(dialect.failed(sampleJob)).data["status"]).toBe("failed");
  }
});

test("parseEvent() makes one error of text and of objects", () => {
  const errorOf = (error: unknown) =>
    accepted({ event: "job.failed", job_id: "j-1", error }).data["error"];
  expect(errorOf("too dark")).toStrictEqual({ message: "too dark" });
  expect(errorOf({ code: "dark", message: "too dark" }))
    .toStrictEqual({ code: "dark", message: "too dark" });
  expect(errorOf({ message: "too dark" })).toStrictEqual({ message: "too dark" });
  expect(errorOf({ message: "too dark", code: null })).toStrictEqual({ message: "too dark" });
  expect(errorOf({ code: "dark" })).toStrictEqual({ code: "dark", message: expect.any(String) });
  expect(errorOf(null)).toStrictEqual({ message: expect.any(String) });
});

test("parseEvent() refuses an error that is a list, or has no text in it", () => {
  for (
    const error of [{ message: 7 }, { message: "too dark", code: {} }, { message: [], code: 7 }]
  ) {
    expect(issuePaths({ event: "job.failed", job_id: "j-1", error })).toEqual(["error"]);
  }
  expect(issuePaths({ event: "job.failed", job_id: "j-1", error: ["too dark"] })).toEqual([
    "error",
  ]);
});

const resultValues: Record<string, unknown> = {
  "null": null,
  "false": false,
  "zero": 0,
  "empty text": "",
  "an empty list": [],
  "an empty object": {},
  "text": "plain",
  "YAML in an object": { _raw: "total: 12.5\nname: Käse\n", _format: "yaml" },
  "XML in an object": { _raw: "<a b='c'>&amp;</a>", _format: "xml" },
  "CSV in an object": { _raw: "a,b\r\n1,2\r\n", _format: "csv" },
  "CSV in rows": { rows: [{ a: "1", b: "null" }] },
  "text outside of ASCII": { name: "日本語 \u{1f511} e\u0301" },
  "long text": "ä".repeat(100_000),
  "names of the wire": { event: "job.failed", data: null, job_id: 1, status: "x", error: "y" },
};

for (const [kind, value] of Object.entries(resultValues)) {
  test(`parseEvent() hands on a result of ${kind} as sent, in every dialect`, () => {
    for (const dialect of Object.values(dialects)) {
      const event = accepted(dialect.succeeded({ ...sampleJob, result: value }));
      expect(event.data["result"]).toStrictEqual(value);
      expect(event.data).not.toHaveProperty("manifest");
      expect(event.data).not.toHaveProperty("error");
    }
  });
}

test("parseEvent() takes the manifest where a result is null beside it", () => {
  const { data } = accepted({
    event: "job.succeeded",
    job_id: "j",
    result: null,
    manifest: { a: 1 },
  });
  expect(data["result"]).toEqual({ a: 1 });
});

test("parseEvent() loses neither of a result and a manifest", () => {
  const { data } = accepted({ event: "job.succeeded", job_id: "j", result: 1, manifest: { a: 1 } });
  expect(data["result"]).toBe(1);
  expect(data["manifest"]).toEqual({ a: 1 });
});

test("parseEvent() reads numbers of one value as one value", () => {
  expect(accepted('{"event":"job.succeeded","job_id":"j","result":[1.0,1,1e0]}').data["result"])
    .toEqual([1, 1, 1]);
});

test("parseEvent() keeps unknown fields under data, in every dialect", () => {
  for (const dialect of Object.values(dialects)) {
    const wire = { ...dialect.succeeded(sampleJob), trace: { id: 7 }, tags: [] };
    expect(accepted(wire).data).toMatchObject({ trace: { id: 7 }, tags: [] });
  }
});

test("parseEvent() keeps unknown fields that stand under data", () => {
  const { data } = accepted({
    event: "job.succeeded",
    trace: "outer",
    data: { job_id: "j", result: 1, confidence: 0.5, trace: "inner" },
  });
  expect(data).toStrictEqual({
    job_id: "j",
    pattern_id: null,
    status: "succeeded",
    result: 1,
    confidence: 0.5,
    trace: "inner",
  });
});

test("parseEvent() keeps a field called data of a flat event", () => {
  const { data } = accepted({ event: "job.succeeded", job_id: "j", result: 1, data: { page: 2 } });
  expect(data["data"]).toEqual({ page: 2 });
});

test("parseEvent() keeps a key __proto__ as a key and changes no prototype", () => {
  const extra = '"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}';
  const bodies = [
    `{"event":"job.succeeded","job_id":"j","result":{${extra}},${extra}}`,
    `{"event":"job.succeeded",${extra},"data":{"job_id":"j","result":{${extra}},${extra}}}`,
    `{"event":"job.failed","job_id":"j","error":{"message":"m",${extra}},${extra}}`,
  ];
  for (const body of bodies) {
    const { data } = accepted(body);
    expect(Object.hasOwn(data, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    expect(JSON.parse(JSON.stringify(data))["__proto__"]).toEqual({ polluted: true });
    expect(data).not.toHaveProperty("polluted");
    expect({}).not.toHaveProperty("polluted");
  }
  const { result } = accepted(bodies[0]).data as { result: object };
  expect(Object.hasOwn(result, "__proto__")).toBe(true);
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
});

test("parseEvent() reads no field from a key __proto__", () => {
  expect(issuePaths('{"event":"job.succeeded","__proto__":{"job_id":"j","result":1}}'))
    .toContain("job_id");
});

const idsAccepted: Record<string, string> = {
  "of 1 character": "j",
  "of 255 characters": "j".repeat(255),
  "of 255 characters outside of the first plane": "🔑".repeat(255),
  "that is a uuid": job_id,
  "with spaces and punctuation": "a b/c?d#e\"f'g\\h",
};
const idsRefused: Record<string, unknown> = {
  "of 256 characters": "j".repeat(256),
  "with a NUL": "j\0",
  "with a line end": "j\n",
  "with a DEL": "j\u007f",
  "with a C1 control": "j\u009b",
  "with a lone high surrogate": "j\ud83d",
  "with a lone low surrogate": "\udd11j",
  "that is a number": 7,
  "that is true": true,
  "that is a list": ["j"],
  "that is an object": { id: "j" },
};

for (const [kind, id] of Object.entries(idsAccepted)) {
  test(`parseEvent() accepts an id ${kind}`, () => {
    for (const dialect of Object.values(dialects)) {
      for (const name of ["succeeded", "failed"] as const) {
        const { data } = accepted(dialect[name]({ ...sampleJob, job_id: id, pattern_id: id }));
        expect(data.job_id).toBe(id);
        expect(data.pattern_id).toBe(id);
      }
    }
  });
}

for (const [kind, id] of Object.entries(idsRefused)) {
  test(`parseEvent() refuses an id ${kind}, and says where`, () => {
    for (const [name, dialect] of Object.entries(dialects)) {
      const prefix = name === "nested" ? "data." : "";
      const job = (more: object) => ({ ...sampleJob, ...more });
      for (const outcome of ["succeeded", "failed"] as const) {
        expect(issuePaths(dialect[outcome](job({ job_id: id })))).toEqual([`${prefix}job_id`]);
        expect(issuePaths(dialect[outcome](job({ pattern_id: id })))).toEqual([
          `${prefix}pattern_id`,
        ]);
      }
    }
  });
}

test("parseEvent() takes an empty pattern_id for none, and refuses an empty job_id", () => {
  for (const dialect of Object.values(dialects)) {
    const { data } = accepted(dialect.succeeded({ ...sampleJob, pattern_id: "" }));
    expect(data.pattern_id).toBeNull();
  }
  expect(issuePaths({ event: "job.succeeded", job_id: "", result: 1 })).toEqual(["job_id"]);
});

test("parseEvent() writes an error's number as text", () => {
  const { data } = accepted({ event: "job.failed", job_id: "j", error: { code: 422 } });
  expect(data).toMatchObject({ error: { code: "422", message: "422" } });
});

test("parseEvent() keeps an event and a timestamp under data, and goes by the latter at need", () => {
  const data = { job_id: "j", result: 1, event: "scan", timestamp: "2026-01-15T10:30:00Z" };
  const event = accepted({ event: "job.succeeded", data });
  expect(event.timestamp).toBe(data.timestamp);
  expect(event.data).toMatchObject({ event: "scan", timestamp: data.timestamp });
});

test("parseEvent() refuses a job_id that is missing or null", () => {
  expect(issuePaths({ event: "job.succeeded", result: 1 })).toEqual(["job_id"]);
  expect(issuePaths({ event: "job.succeeded", job_id: null, result: 1 })).toEqual(["job_id"]);
  expect(issuePaths({ event: "job.succeeded", data: { result: 1 } })).toEqual(["data.job_id"]);
  expect(issuePaths({ event: "job.failed", error: "x" })).toEqual(["job_id"]);
});

test("parseEvent() refuses a success with neither result nor manifest", () => {
  issuePaths({ event: "job.succeeded", job_id: "j" });
  issuePaths({ event: "job.succeeded", data: { job_id: "j" } });
});

test("parseEvent() ignores an event that is not a job's end", () => {
  expect(parse({ event: "job.queued", job_id: "j-1" }))
    .toEqual({ state: "ignored", name: "job.queued", jobId: "j-1" });
  expect(parse({ event: "job.queued", data: { job_id: "j-1" } }))
    .toEqual({ state: "ignored", name: "job.queued", jobId: "j-1" });
  expect(parse({ event: "webhook.test" }))
    .toEqual({ state: "ignored", name: "webhook.test", jobId: null });
  expect(parse({ event: "job.queued", job_id: 7 }))
    .toEqual({ state: "ignored", name: "job.queued", jobId: null });
});

for (const name of ["Job.Succeeded", "job.succeeded ", "toString", "__proto__", "constructor"]) {
  test(`parseEvent() ignores an event called ${JSON.stringify(name)}`, () => {
    expect(parse({ event: name, job_id: "j", result: 1 }))
      .toEqual({ state: "ignored", name, jobId: "j" });
  });
}

const shapes: Record<string, unknown> = {
  "null": null,
  "true": true,
  "a number": 1.5,
  "text": "job.succeeded",
  "a list": [],
  "a list of events": [nested.succeeded(sampleJob)],
  "an object without an event": { job_id: "j", result: 1 },
  "an event that is null": { event: null },
  "an event that is a list": { event: ["job.succeeded"], job_id: "j", result: 1 },
  "an event without a name": { event: "", job_id: "j", result: 1 },
  "a nested event in a list": { event: "job.succeeded", data: [{ job_id: "j", result: 1 }] },
};

for (const [shape, payload] of Object.entries(shapes)) {
  test(`parseEvent() quarantines JSON that is ${shape}`, () => {
    const parsed = parseEvent(toBytes(JSON.stringify(payload)), receivedAt);
    expect(parsed).toMatchObject({ state: "quarantined", code: "invalid_payload" });
  });
}

const notJson: Record<string, Uint8Array | string> = {
  "nothing": "",
  "a space": " ",
  "text": "hello",
  "a NUL": "\0",
  "an object that is not closed": '{"event":"job.succeeded"',
  "two objects": "{}{}",
  "a comma too many": '{"event":"job.succeeded",}',
  "single quotes": "{'event':'job.succeeded'}",
  "NaN": '{"event":"job.succeeded","job_id":"j","result":NaN}',
  "a line end within text": '{"event":"job.\nsucceeded"}',
  "JSON in UTF-16": Uint8Array.of(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00),
  "a byte that UTF-8 does not have": Uint8Array.of(0x7b, 0xff, 0x7d),
  "a lone surrogate as bytes": Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22),
  "an overlong slash": Uint8Array.of(0x22, 0xc0, 0xaf, 0x22),
  "a character cut off": Uint8Array.of(0x22, 0xe2, 0x82, 0x22),
  "gzip": Uint8Array.of(0x1f, 0x8b, 0x08, 0x00, 0x00),
};

for (const [kind, body] of Object.entries(notJson)) {
  test(`parseEvent() quarantines what is no JSON: ${kind}`, () => {
    const bytes = typeof body === "string" ? toBytes(body) : body;
    expect(parseEvent(bytes, receivedAt))
      .toEqual({ state: "quarantined", code: "invalid_json", issues: [] });
  });
}

test("parseEvent() reads past a byte order mark and around white space", () => {
  const json = JSON.stringify(nested.succeeded(sampleJob));
  expect(accepted(`\ufeff${json}`)).toStrictEqual(succeeded);
  expect(accepted(` \r\n\t${json}\r\n`)).toStrictEqual(succeeded);
});

test("parseEvent() takes the last of repeated keys, as JSON.parse() does", () => {
  const { data } = accepted(
    '{"event":"job.queued","event":"job.succeeded","job_id":"a","job_id":"b","result":1,"result":2}',
  );
  expect(data).toMatchObject({ job_id: "b", result: 2 });
});

test("parseEvent() does not change the bytes", () => {
  const body = toBytes(`\ufeff${JSON.stringify(nested.succeeded(sampleJob))}\r\n`);
  const before = body.slice();
  parseEvent(body, receivedAt);
  expect(body).toEqual(before);
});

for (const [open, close] of [["[", "]"], ['{"a":', "}"]] as const) {
  test(`parseEvent() hands on a result that is 100,000 deep: ${open}`, () => {
    const depth = 100_000;
    const deep = open.repeat(depth) + "1" + close.repeat(depth);
    for (
      const body of [
        `{"event":"job.succeeded","job_id":"j","result":${deep}}`,
        `{"event":"job.succeeded","job_id":"j","manifest":${deep}}`,
        `{"event":"job.succeeded","data":{"job_id":"j","result":${deep}}}`,
      ]
    ) {
      let value: unknown = accepted(body).data["result"];
      let levels = 0;
      while (typeof value === "object" && value !== null && Object.keys(value).length === 1) {
        [value] = Object.values(value);
        levels++;
      }
      expect(value).toBe(1);
      expect(levels).toBe(depth);
    }
  });
}

test("parseEvent() survives depth in every other place", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const quarantined = { state: "quarantined", code: "invalid_payload" };
  expect(parse(deep)).toMatchObject(quarantined);
  expect(parse(`{"event":${deep}}`)).toMatchObject(quarantined);
  expect(parse(`{"event":"job.succeeded","job_id":${deep},"result":1}`)).toMatchObject(quarantined);
  expect(
    accepted(`{"event":"job.succeeded","timestamp":${deep},"job_id":"j","result":1}`).timestamp,
  )
    .toBe(receivedTime);
  expect(parse("[".repeat(100_000))).toMatchObject({ code: "invalid_json" });
  expect(parse(`{"event":"job.queued","job_id":${deep}}`)).toMatchObject({ state: "ignored" });
  expect(accepted(`{"event":"job.succeeded","job_id":"j","result":1,"extra":${deep}}`).data)
    .toHaveProperty("extra");
});

test("parseEvent() takes the time that the wire names first", () => {
  const times = { completed_at: "2026-01-21T10:30:18Z", failed_at: "2026-01-21T10:30:05Z" };
  const base = { event: "job.succeeded", job_id: "j", result: 1 };
  expect(accepted({ ...base, ...times, timestamp }).timestamp).toBe(timestamp);
  expect(accepted({ ...base, ...times }).timestamp).toBe(times.completed_at);
  expect(accepted({ ...base, failed_at: times.failed_at }).timestamp).toBe(times.failed_at);
  expect(accepted({ ...base, timestamp: null, ...times }).timestamp).toBe(times.completed_at);
  expect(accepted(base).timestamp).toBe(receivedTime);
});

test("parseEvent() takes the time of receipt where the wire's is no time", () => {
  for (const nonsense of ["", "yesterday", "2026-13-45T99:99:99Z", "12", 1_768_473_000, {}]) {
    const event = accepted({ ...flatWithManifest.succeeded(sampleJob), timestamp: nonsense });
    expect(event.timestamp).toBe(receivedTime);
  }
});

test("parseEvent() keeps a time as it was written", () => {
  for (const time of ["2026-01-15T10:30:00.123Z", "2026-01-15T10:30:00+02:00"]) {
    expect(accepted(nested.succeeded({ ...sampleJob, timestamp: time })).timestamp).toBe(time);
  }
});

test("parseEvent() takes now as the time of receipt unless it is told another", () => {
  const before = Date.now();
  const parsed = parseEvent(toBytes({ event: "job.succeeded", job_id: "j", result: 1 }));
  const time = parsed.state === "accepted" ? Date.parse(parsed.event.timestamp) : NaN;
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(Date.now());
});

test("defaultDedupeKey() is one for all dialects, times and results of a job's end", () => {
  const key = (payload: unknown) => defaultDedupeKey(accepted(payload));
  const repeat = { ...sampleJob, timestamp: "2027-01-01T00:00:00Z", result: 2, message: "again" };
  for (const dialect of Object.values(dialects)) {
    expect(key(dialect.succeeded(repeat))).toBe(key(nested.succeeded(sampleJob)));
    expect(key(dialect.failed(repeat))).toBe(key(nested.failed(sampleJob)));
    expect(key(dialect.succeeded(repeat))).not.toBe(key(dialect.failed(repeat)));
    expect(key(dialect.succeeded({ ...repeat, job_id: "another" })))
      .not.toBe(key(nested.succeeded(sampleJob)));
  }
});

// JSON as it comes over a wire: `JSON.stringify()` writes -0 as 0.
const anyJson = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));

test("parseEvent() makes the same event of every dialect, whatever the result", () => {
  fc.assert(fc.property(anyJson, (value) => {
    const job = { ...sampleJob, result: value };
    const canonical = accepted(nested.succeeded(job));
    expect(JSON.stringify(canonical.data["result"])).toBe(JSON.stringify(value));
    expect(accepted(flatWithManifest.succeeded(job))).toStrictEqual(canonical);
    const { confidence: _, processing_time_ms: __, created_at: ___, completed_at, ...data } =
      accepted(flatWithResult.succeeded(job)).data;
    expect(completed_at).toBe(timestamp);
    expect({ ...canonical, data }).toStrictEqual(canonical);
  }));
});

/** Asserts that it is one of the three answers, whole. */
function expectAnswer(parsed: ParsedEvent): void {
  if (parsed.state === "accepted") {
    const { event, data, timestamp } = parsed.event;
    expect(["job.succeeded", "job.failed"]).toContain(event);
    expect(`job.${data["status"]}`).toBe(event);
    expect(data.job_id.length).toBeGreaterThan(0);
    expect(Object.hasOwn(data, event === "job.failed" ? "error" : "result")).toBe(true);
    expect(Date.parse(timestamp)).not.toBeNaN();
  } else if (parsed.state === "ignored") {
    expect(typeof parsed.name).toBe("string");
    expect(parsed.jobId === null || typeof parsed.jobId === "string").toBe(true);
  } else {
    expect(["invalid_json", "invalid_payload"]).toContain(parsed.code);
    expect(parsed.issues.length > 0).toBe(parsed.code === "invalid_payload");
  }
}

test("parseEvent() answers whatever the bytes are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expectAnswer(parseEvent(bytes, receivedAt));
    }),
    { numRuns: 500 },
  );
});

test("parseEvent() answers whatever became of an event's bytes on the way", () => {
  const sources = Object.values(dialects)
    .flatMap(({ succeeded, failed }) => [succeeded(sampleJob), failed(sampleJob)])
    .map(toBytes);
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(fc.constantFrom(...sources), edits, (source, changes) => {
      const bytes = source.slice();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      expectAnswer(parseEvent(bytes, receivedAt));
    }),
    { numRuns: 500 },
  );
});

test("parseEvent() answers whatever the JSON is", () => {
  const fields = {
    job_id: anyJson,
    pattern_id: anyJson,
    status: anyJson,
    result: anyJson,
    manifest: anyJson,
    error: fc.oneof(anyJson, fc.record({ code: anyJson, message: anyJson }, { requiredKeys: [] })),
    timestamp: anyJson,
    completed_at: anyJson,
    failed_at: anyJson,
  };
  const event = fc.oneof(
    fc.constantFrom("job.succeeded", "job.completed", "job.failed", "job.queued"),
    anyJson,
  );
  const payload = fc.oneof(
    anyJson,
    fc.record({ event, ...fields }, { requiredKeys: [] }),
    fc.record({
      event,
      data: fc.oneof(fc.record(fields, { requiredKeys: [] }), anyJson),
      timestamp: anyJson,
    }, { requiredKeys: [] }),
    // Valid ids, so that what stands behind them is reached too.
    fc.record({ event, ...fields, job_id: fc.constant("j"), pattern_id: fc.constant("p") }, {
      requiredKeys: ["event", "job_id"],
    }),
  );
  fc.assert(
    fc.property(payload, (value) => expectAnswer(parse(JSON.stringify(value)))),
    { numRuns: 1_000 },
  );
});

const canary = "canary-5eb1a6";
const canaryNumber = 719_203_865;

test("parseEvent() never repeats a received value in its issues", () => {
  const values: fc.Arbitrary<unknown> = fc.oneof(
    fc.constantFrom<unknown>(
      canary.repeat(30),
      `${canary}\u0000`,
      `${canary}\ud800`,
      canaryNumber,
      [canary],
      [canaryNumber],
      { [canary]: canary },
      { code: canaryNumber, message: [canary] },
      { code: [canary] },
      { message: { [canary]: canaryNumber } },
      [[[canary]]],
    ),
    anyJson.map((value) => [canary, value]),
    anyJson.map((value) => ({ ...(value as object), [canary]: value, code: canaryNumber })),
  );
  const places = [
    ["event"],
    ["timestamp"],
    ["data"],
    ["job_id"],
    ["pattern_id"],
    ["error"],
    ["error", "code"],
    ["error", "message"],
    ["data", "job_id"],
    ["data", "pattern_id"],
    ["data", "error"],
    ["data", "error", "code"],
    ["data", "error", "message"],
    ["completed_at"],
    [canary],
    ["data", canary],
    [],
  ];
  const sources = Object.values(dialects).flatMap(({ succeeded, failed }) => [
    succeeded({ ...sampleJob, result: canary }),
    failed({ ...sampleJob, message: canary, code: canary }),
    { event: "job.succeeded", [canary]: canary },
    { event: "job.failed", data: { [canary]: canary } },
  ]);
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(...sources),
      fc.array(fc.tuple(fc.constantFrom(...places), values), { minLength: 1, maxLength: 3 }),
      (source, changes) => {
        let payload: unknown = structuredClone(source);
        for (const [place, value] of changes) payload = replaced(payload, place, value);
        const parsed = parse(JSON.stringify(payload));
        if (parsed.state !== "quarantined") return;
        const issues = JSON.stringify(parsed.issues);
        expect(issues).not.toContain("canary");
        expect(issues).not.toContain(String(canaryNumber));
        for (const { path } of parsed.issues) seen.add(path);
      },
    ),
    { numRuns: 2_000 },
  );
  // The property would be empty if nothing of this was ever refused.
  for (const path of ["", "event", "job_id", "pattern_id", "error"]) {
    expect([...seen]).toContain(path);
  }
  for (const path of ["data.job_id", "data.pattern_id", "data.error"]) {
    expect([...seen]).toContain(path);
  }
});

/** The same, with another value in one place. */
function replaced(payload: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  const record = typeof payload === "object" && payload !== null ? payload : {};
  const field = (record as Record<string, unknown>)[name];
  return { ...record, [name]: replaced(field, rest, value) };
}

test("parseEvent() says in each issue what was expected", () => {
  const payloads = [
    {},
    [],
    7,
    { event: 7 },
    { event: "job.succeeded" },
    { event: "job.succeeded", data: {} },
    { event: "job.succeeded", job_id: "j" },
    { event: "job.succeeded", job_id: 7, pattern_id: 7, timestamp: 7, result: 7 },
    { event: "job.failed", data: {} },
    { event: "job.failed", job_id: "j", error: 7 },
    { event: "job.failed", job_id: "j", error: { message: 7 } },
  ];
  for (const payload of payloads) {
    const parsed = parse(payload);
    for (const { message } of parsed.state === "quarantined" ? parsed.issues : []) {
      expect(message, JSON.stringify(payload)).toMatch(/^expected /);
    }
  }
});

test("parseEvent() does not expect an object where the event's name is missing", () => {
  const parsed = parse({ job_id: "j", result: 1 });
  expect(parsed).toEqual({
    state: "quarantined",
    code: "invalid_payload",
    issues: [{ path: "event", message: "expected the name of an event" }],
  });
});
