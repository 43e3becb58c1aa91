import fc from "fast-check";
import { dialects, type Job, sampleJob, toBytes } from "../support/wire.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Wire = Record<string, unknown>;

/** A body, and whether it is an event in one of ImgGo's own dialects, as it is. */
export interface Payload {
  readonly bytes: Bytes;
  readonly isEvent: boolean;
}

const anyText = fc.string({ unit: "binary", maxLength: 12 });
// Text with halves of surrogate pairs: what JSON can write and UTF-8 cannot.
const anyUnits = fc.array(fc.nat(0xffff), { maxLength: 8 })
  .map((units) => String.fromCharCode(...units));
const anyJson = fc.jsonValue({ maxDepth: 2, stringUnit: "binary" });

const anyJob: fc.Arbitrary<Job> = fc.record({
  // Few of them, so that many are duplicates of each other, and many failures meet successes.
  job_id: fc.oneof(
    { weight: 6, arbitrary: fc.nat(400).map((number) => `job-${number}`) },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }) },
  ),
  pattern_id: fc.constantFrom("", "pat_invoices", "🔑".repeat(255)),
  timestamp: fc.constantFrom("2026-01-15T10:30:00Z", "2026-01-15 10:30", "yesterday", ""),
  result: fc.oneof(anyJson, fc.constantFrom<unknown>(null, sampleJob.result, { _raw: "a: 1" })),
  message: anyText,
  code: anyText,
});

const anyWire: fc.Arbitrary<Wire> = fc.record({
  dialect: fc.constantFrom(...Object.values(dialects)),
  outcome: fc.constantFrom("succeeded", "failed"),
  job: anyJob,
}).map(({ dialect, outcome, job }) => dialect[outcome](job));

const keys = [
  "event",
  "data",
  "job_id",
  "pattern_id",
  "status",
  "result",
  "manifest",
  "error",
  "timestamp",
  "completed_at",
  "__proto__",
  "constructor",
];

const awkward: readonly unknown[] = [
  null,
  "",
  "\0",
  "x".repeat(256),
  0,
  -1e308,
  true,
  [],
  {},
  ["job.succeeded"],
  "job.succeeded",
  "job.completed",
  "job.failed",
  "job.queued",
  "<img onerror=alert(1) src=x>",
  "\u2028\r\n\u001b[2J",
];

/** What is changed of a wire before it is written. */
type Change = (wire: Wire) => unknown;

const anyKey = fc.oneof(fc.constantFrom(...keys), anyText);
const anyValue = fc.oneof(fc.constantFrom(...awkward), anyJson, anyUnits);
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(anyKey, anyValue).map(([key, value]): Change => (wire) => defined(wire, key, value)),
  fc.tuple(anyKey, anyValue).map(([key, value]): Change => ({ data, ...wire }) => ({
    ...wire,
    data: defined(data instanceof Object ? { ...data } : {}, key, value),
  })),
  fc.constantFrom(...keys).map((dropped): Change => (wire) =>
    Object.fromEntries(Object.entries(wire).filter(([key]) => key !== dropped))
  ),
  fc.tuple(fc.constantFrom(...keys), anyKey).map(([from, to]): Change => (wire) =>
    Object.fromEntries(Object.entries(wire).map(([key, value]) => [key === from ? to : key, value]))
  ),
  fc.constantFrom<Change>((wire) => [wire], (wire) => ({ data: wire }), () => null),
);

/** Sets an own property, also one that is called `__proto__`. */
function defined(wire: Wire, key: string, value: unknown): Wire {
  return Object.fromEntries([...Object.entries(wire), [key, value]]);
}

const written = fc.tuple(anyWire, fc.array(anyChange, { maxLength: 3 }), fc.nat(2))
  .map(([wire, changes, indent]) => {
    const changed = changes.reduce<unknown>(
      (value, change) => value instanceof Object ? change(value as Wire) : value,
      wire,
    );
    return JSON.stringify(changed, null, indent);
  });

/** What is changed of the text. */
const anyEdit: fc.Arbitrary<(text: string) => string> = fc.oneof(
  fc.constant((text: string) => `\ufeff${text}`),
  fc.constant((text: string) => ` \r\n\t${text}\r\n`),
  fc.constant((text: string) => text.replace("{", '{"job_id":"repeated","event":"job.failed",')),
  fc.constant((text: string) => text.replace("{", '{"__proto__":{"polluted":1},')),
  fc.constant((text: string) => text.replaceAll(/\d+/g, "1.0")),
  fc.constant((text: string) => text.replaceAll('"', "'")),
  fc.constant((text: string) => text + text),
  fc.tuple(fc.nat(), anyUnits).map(([at, more]) => (text: string) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + more + text.slice(place);
  }),
  fc.nat().map((at) => (text: string) => text.slice(0, at % (text.length + 1))),
);

/** These bytes, one after the other. */
export function joined(parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What is changed of the bytes. */
const anyDamage: fc.Arbitrary<(bytes: Bytes) => Bytes> = fc.oneof(
  fc.nat().map((at) => (bytes: Bytes) => {
    const damaged = bytes.slice();
    const bit = at % Math.max(1, bytes.length * 8);
    if (bytes.length > 0) damaged[bit >> 3]! ^= 1 << (bit & 7);
    return damaged;
  }),
  fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 5 })).map(([at, more]) => (bytes: Bytes) => {
    const place = at % (bytes.length + 1);
    return joined([bytes.subarray(0, place), more, bytes.subarray(place)]);
  }),
  fc.nat().map((at) => (bytes: Bytes) => bytes.slice(at % (bytes.length + 1))),
);

const whole = (bytes: Bytes): Payload => ({ bytes, isEvent: false });
const open = (depth: number, one: string, other: string) => one.repeat(depth) + other.repeat(depth);

/** Any body of a request, most of them near to what ImgGo sends. */
export function anyPayload(limit: number): fc.Arbitrary<Payload> {
  const sized = fc.tuple(written, fc.integer({ min: -2, max: 2 })).map(([text, more]) => {
    const padded = new Uint8Array(limit + more).fill(32);
    padded.set(toBytes(text).subarray(0, 500));
    return whole(padded);
  });
  const deep = fc.tuple(fc.constantFrom(["[", "]"], ['{"a":', "}"]), fc.nat(40_000))
    .map(([[one = "", other = ""], depth]) => open(depth, one, other))
    .chain((nested) =>
      fc.constantFrom(
        nested,
        `{"event":"job.succeeded","job_id":"deep","result":${nested || 0}}`,
        `{"event":"job.succeeded","data":${nested || 0}}`,
        `{"event":"job.succeeded","job_id":${nested || 0},"result":1}`,
      )
    )
    .map((text) => whole(toBytes(text)));
  return fc.oneof(
    {
      weight: 30,
      arbitrary: anyWire.map((wire) => ({ bytes: toBytes(wire), isEvent: true })),
    },
    { weight: 30, arbitrary: written.map((text) => whole(toBytes(text))) },
    {
      weight: 12,
      arbitrary: fc.tuple(written, anyEdit).map(([text, edit]) => whole(toBytes(edit(text)))),
    },
    {
      weight: 12,
      arbitrary: fc.tuple(written, fc.array(anyDamage, { minLength: 1, maxLength: 3 }))
        .map(([text, damages]) =>
          whole(damages.reduce((bytes, damage) => damage(bytes), toBytes(text)))
        ),
    },
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => whole(bytes.slice())) },
    { weight: 4, arbitrary: anyJson.map((value) => whole(toBytes(JSON.stringify(value)))) },
    { weight: 1, arbitrary: sized },
    { weight: 1, arbitrary: deep },
  );
}
